import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./process.mjs";

/** Each pattern with what is wrong about a line that has it. Golden data is not ours to word. */
const RULES = [
  [/(^|[\s"'`(=:])\/(work|home|root|Users)\//, "a path of one machine"],
  [/"resolved": "http/, "a registry host"],
  [/(\/\/|^\s*#|\*)\s*(TODO|FIXME|XXX)\b/, "unfinished work"],
  [/\b(it|test|describe)\.(only|skip)\(|\bskip: true\b/, "a test that does not run"],
];

/** This file holds the patterns themselves, and the licence is not ours. */
const EXEMPT = /^(scripts\/support\/text-rules\.mjs|LICENSE)$|^test\/golden\//;
const BINARY = /\.(png|jpe?g|gif|webp|bmp|bin|safetensors|model|tgz)$/;

/**
 * Reads every file git knows or would add and reports lines that must not be in this repository.
 *
 * @returns {Promise<{code: number, output: string}>}
 */
export async function forbiddenText() {
  const listing = await run("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
  if (listing.code !== 0) return listing;
  const files = listing.output.split("\0").filter((file) => file && !EXEMPT.test(file) && !BINARY.test(file));
  const found = [];
  for (const file of files) {
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    for (const [pattern, fault] of RULES) {
      lines.forEach((line, index) => {
        if (pattern.test(line)) found.push(`${file}:${index + 1}: ${fault}: ${line.trim().slice(0, 100)}`);
      });
    }
  }
  return { code: found.length, output: found.join("\n") };
}
