import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { filesBelow, stamped } from "./freshness.mjs";
import { root, run, ScriptError } from "./process.mjs";
import { note, showProgress, since } from "./progress.mjs";

const FOLDERS = ["lib", "test", "bench"];

/** True in a checkout; a published package holds dist/ alone. */
export const hasTypeScriptSources = () => existsSync(join(root, "lib/index.ts"));

/** The TypeScript compiler's command line, to run with node. */
export const tsc = () =>
  join(dirname(createRequire(join(root, "package.json")).resolve("typescript/package.json")), "bin/tsc");

/**
 * Compiles lib/, test/ and bench/ into dist/; at once when nothing changed.
 *
 * @throws {ScriptError} the compiler's messages
 */
export async function buildTypeScript() {
  if (!hasTypeScriptSources()) return;
  const sources = FOLDERS.flatMap((folder) => filesBelow(folder, /\.ts$/));
  const product = (source) => join("dist", source.replace(/\.ts$/, ".js"));
  const made = stamped({
    stamp: "dist/.stamp",
    inputs: ["tsconfig.json", ...sources],
    products: sources.map(product),
  });
  if (made.fresh()) return;
  const start = performance.now();
  showProgress("compiling TypeScript …");
  removeOrphans(new Set(sources.map(product)));
  const { code, output } = await run(process.execPath, [tsc(), "-p", "."]);
  if (code !== 0)
    throw new ScriptError(`${output.trim()}\nhoneybee: TypeScript does not compile (messages above).`);
  made.mark();
  note(`compiled ${sources.length} TypeScript files (${since(start)})`);
}

/** A test whose source is gone must not run from an old dist/. */
function removeOrphans(products) {
  for (const file of filesBelow("dist", /\.js$/)) {
    if (products.has(file)) continue;
    for (const path of [file, `${file}.map`, file.replace(/\.js$/, ".d.ts")])
      rmSync(join(root, path), { force: true });
  }
}
