/**
 * How many schemas of JSONSchemaBench (github.com/guidance-ai/jsonschemabench) compile, by which keyword the others are
 * refused, and how long compiling and masks take with Llama's vocabulary of 32,000 tokens: 500 schemas drawn by seed 1,
 * one random document each. Writes bench/results/jsonschemabench.json.
 *
 *   node bench/schemas.mjs FOLDER       its `data`; after npm run build
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Random } from "../dist/test/support/mutate.js";
import { machine, writeResult } from "../scripts/support/machine.mjs";
import { compileTimed, quantiles, timeMasks } from "./support/masks.mjs";

const COUNT = 500;
const MAX_TOKENS = 256;

const folder = process.argv[2];
if (!folder) {
  console.error("bench/schemas.mjs: give the folder `data` of a copy of JSONSchemaBench.");
  process.exit(2);
}
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
  .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
  .sort();
const random = new Random(1);
const drawn = Array.from({ length: COUNT }, () => files.splice(random.below(files.length), 1)[0]);

const refused = {};
const compiling = [];
const masks = [];
const failed = [];
for (const file of drawn) {
  const text = readFileSync(join(folder, file), "utf8");
  try {
    const { format, ms } = await compileTimed(text);
    compiling.push(ms);
    masks.push(...timeMasks(format, random, MAX_TOKENS));
  } catch (error) {
    if (error.code !== "ERR_OPTION") failed.push(`${file}: ${error.message}`);
    const reason = /^responseFormat: (?:"([^"]+)"|(.{0,40}))/.exec(error.message);
    const keyword = reason?.[1] ?? reason?.[2] ?? error.message;
    refused[keyword] = (refused[keyword] ?? 0) + 1;
  }
}
const result = {
  ...(await machine()),
  schemas: COUNT,
  of: files.length + COUNT,
  compiled: compiling.length,
  refused,
  failed,
  compileMs: quantiles(compiling),
  masks: masks.length,
  maskUs: quantiles(masks),
};
console.log(JSON.stringify(result, null, 2));
console.error(`wrote ${writeResult("jsonschemabench.json", result)}`);
if (failed.length > 0 || compiling.length < 0.85 * COUNT) process.exitCode = 1;
