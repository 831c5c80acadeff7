import { readFileSync } from "node:fs";
import { goldenPath } from "./paths.js";

/** The records of a JSON Lines file below test/golden. */
export function readJsonl<T>(...path: string[]): T[] {
  const lines = readFileSync(goldenPath(...path), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
}

/** A JSON file below test/golden. */
export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(goldenPath(...path), "utf8")) as T;
}
