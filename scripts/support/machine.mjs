import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { root, run } from "./process.mjs";

/**
 * What a result needs to be compared later: when, which source, which machine. The commit ends in "+changes" when
 * the working tree is not that commit.
 *
 * @returns {Promise<{date: string, commit: string, cpu: string, threads: number, memoryGiB: number, node: string}>}
 */
export async function machine() {
  const head = await run("git", ["rev-parse", "--short=12", "HEAD"]);
  const changes = await run("git", ["status", "--porcelain", "--untracked-files=no"]);
  const suffix = changes.output.trim() ? "+changes" : "";
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: head.code === 0 ? `${head.output.trim()}${suffix}` : "none",
    cpu: cpus()[0]?.model.trim() || process.arch,
    threads: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
}

/**
 * Writes a result into bench/results/, JSON unless it is text already.
 *
 * @returns {string} its path, relative to the repository
 */
export function writeResult(name, content) {
  const path = join("bench/results", name);
  mkdirSync(join(root, "bench/results"), { recursive: true });
  writeFileSync(
    join(root, path),
    typeof content === "string" ? content : `${JSON.stringify(content, null, 2)}\n`,
  );
  return path;
}
