import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The source folder, wherever the compiled tests lie: HONEYBEE_ROOT, or the first parent that holds the goldens. */
export const repositoryRoot = process.env.HONEYBEE_ROOT ?? findRoot(import.meta.dirname);

/** A path inside test/golden: `goldenPath("models", "cabs-new")`. */
export function goldenPath(...parts: string[]): string {
  return join(repositoryRoot, "test", "golden", ...parts);
}

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) && existsSync(join(folder, "test", "golden"))) return folder;
    if (folder === dirname(folder)) {
      throw new Error(`no folder above ${start} holds package.json and test/golden; set HONEYBEE_ROOT.`);
    }
  }
}
