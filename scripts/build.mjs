/**
 * Builds what the sources say: build/Release/honeybee.node and dist/. Started by npm (`npm run build` and every
 * command that runs the project), by node-gyp (binding.gyp) and by hand; a run with nothing to do takes under half
 * a second.
 *
 *   node scripts/build.mjs [--native-only]
 */
import { buildNative } from "./support/native.mjs";
import { main, ScriptError } from "./support/process.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

await main(async (args) => {
  const unknown = args.find((arg) => arg !== "--native-only");
  if (unknown)
    throw new ScriptError(`build.mjs: unknown option ${unknown}; expected --native-only or nothing.`);
  await buildNative();
  if (!args.includes("--native-only")) await buildTypeScript();
});
