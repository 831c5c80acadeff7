/**
 * Checks that no layer of src/ and cuda/ includes one further out (ARCHITECTURE.md), and that every project include
 * is written from the source root, so that its layer shows.
 *
 *   node scripts/include-rule.mjs
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow } from "./support/freshness.mjs";
import { main, root } from "./support/process.mjs";

/** What a layer may include besides itself. */
const ALLOWED = {
  core: [],
  image: ["core"],
  cpu: ["core"],
  cuda: ["core", "device"],
  // What nvcc and the simulator have in versions of their own: cuda/nvcc/device, test/simt/device.
  device: ["cuda"],
  model: ["core"],
  grammar: ["core"],
  engine: ["core", "model", "grammar"],
  napi: ["core", "image", "cpu", "model", "grammar", "engine"],
};

/** "src/model/projectors/x.h" → "model"; "cuda/x.cu" → "cuda"; "cuda/nvcc/device/x.h" → "device". */
const layerOf = (file) =>
  file.startsWith("cuda/nvcc/") ? "device" : file.startsWith("cuda/") ? "cuda" : file.split("/")[1];

/** @returns {string[]} one line for each include that breaks the rule */
function violations(file) {
  const layer = layerOf(file);
  const allowed = ALLOWED[layer];
  if (!allowed) return [`${file}: folder ${layer} has no row in scripts/include-rule.mjs`];
  const found = [];
  readFileSync(join(root, file), "utf8")
    .split("\n")
    .forEach((line, index) => {
      const path = /^\s*#\s*include\s+"([^"]+)"/.exec(line)?.[1];
      if (!path) return;
      const target = path.split("/")[0];
      const where = `${file}:${index + 1}`;
      if (!(target in ALLOWED)) found.push(`${where}: "${path}" is not written from the source root`);
      else if (target !== layer && !allowed.includes(target))
        found.push(`${where}: ${layer} must not include ${target} ("${path}")`);
    });
  return found;
}

await main(async () => {
  const files = [...filesBelow("src", /\.(cpp|h)$/), ...filesBelow("cuda", /\.(cu|cuh|cpp|h)$/)];
  const found = files.flatMap(violations);
  for (const line of found) console.error(line);
  console.error(`include rule: ${files.length} files, ${found.length} violations`);
  return found.length === 0 && files.length > 0 ? 0 : 1;
});
