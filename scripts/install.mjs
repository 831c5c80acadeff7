/**
 * npm's install script. A checkout builds the addon from its sources. An installed package takes the prebuilt
 * addon of its platform package (an optional dependency, loaded by lib/native.ts) and compiles only without one.
 */
import { buildNative } from "./support/native.mjs";
import { findPrebuild } from "./support/prebuild.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { hasTypeScriptSources } from "./support/typescript.mjs";

await main(async () => {
  if (!hasTypeScriptSources() && (await findPrebuild())) return;
  if (process.platform !== "linux") {
    throw new ScriptError(
      `honeybee runs on Linux (x64 prebuilt, others from source); this is ${process.platform}-${process.arch}.`,
    );
  }
  await buildNative();
});
