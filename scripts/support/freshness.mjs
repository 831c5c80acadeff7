import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./process.mjs";

/**
 * All files below a folder of the repository whose name a pattern accepts, sorted. A path that does not exist
 * holds none; golden data is never an input of a build.
 *
 * @param {string} path folder or file, relative to the repository
 * @param {RegExp} pattern
 * @returns {string[]} relative to the repository
 */
export function filesBelow(path, pattern) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  if (statSync(full).isFile()) return [path];
  return readdirSync(full, { withFileTypes: true })
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return entry.name === "golden" ? [] : filesBelow(child, pattern);
      return pattern.test(entry.name) ? [child] : [];
    })
    .sort();
}

/**
 * A build product that knows what it was made from: `fresh()` as long as its inputs have the names, sizes and
 * times they had at `mark()`, the settings are the same and every product still exists.
 *
 * @param {{stamp: string, inputs: string[], products: string[], settings?: string}} made paths relative to the repository
 */
export function stamped({ stamp, inputs, products, settings = "" }) {
  const file = join(root, stamp);
  const digest = () => {
    const hash = createHash("sha256").update(settings);
    for (const input of inputs) {
      const { size, mtimeMs } = statSync(join(root, input));
      hash.update(`\n${relative(root, join(root, input))} ${size} ${mtimeMs}`);
    }
    return hash.digest("hex");
  };
  // Taken before the build: a file that is saved meanwhile makes the product stale, not fresh.
  const wanted = digest();
  return {
    fresh: () =>
      products.every((product) => existsSync(join(root, product))) &&
      existsSync(file) &&
      readFileSync(file, "utf8") === wanted,
    mark() {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, wanted);
    },
  };
}
