/**
 * Formatters and linters, each with one line of result: Biome, tsc, clang-format, the include rule, plain text
 * rules, clang-tidy.
 *
 *   npm run lint [-- --no-tidy]     checks only; --no-tidy leaves out the slow one
 *   npm run format                  lets Biome and clang-format rewrite what they can
 */
import { availableParallelism } from "node:os";
import { clangTool } from "./support/clang-tools.mjs";
import { filesBelow } from "./support/freshness.mjs";
import { main, root, run, ScriptError } from "./support/process.mjs";
import { clearProgress, note, showProgress, since } from "./support/progress.mjs";
import { forbiddenText } from "./support/text-rules.mjs";
import { tidy } from "./support/tidy.mjs";
import { tsc } from "./support/typescript.mjs";

const biome = `${root}/node_modules/@biomejs/biome/bin/biome`;
const cppFiles = () =>
  ["src", "cuda", "test/native", "bench/native"].flatMap((folder) => filesBelow(folder, /\.(cpp|h|cu|cuh)$/));

const node = (...args) => run(process.execPath, args);

/** Each check resolves to {code, output}; the name is what the reader sees. */
const checks = {
  Biome: () => node(biome, "ci", "--colors=off", "--error-on-warnings"),
  tsc: () => node(tsc(), "-p", ".", "--noEmit"),
  "clang-format": async () => run(await clangTool("clang-format"), ["--dry-run", "-Werror", ...cppFiles()]),
  "include rule": () => node("scripts/include-rule.mjs"),
  "text rules": forbiddenText,
  "clang-tidy": () => tidy(availableParallelism()),
};

const fixes = {
  Biome: () => node(biome, "check", "--write", "--colors=off", "--error-on-warnings"),
  "clang-format": async () => run(await clangTool("clang-format"), ["-i", ...cppFiles()]),
};

await main(async (args) => {
  const unknown = args.find((arg) => !["--fix", "--no-tidy"].includes(arg));
  if (unknown) throw new ScriptError(`lint.mjs: unknown option ${unknown}; expected --fix or --no-tidy.`);
  const chosen = { ...(args.includes("--fix") ? fixes : checks) };
  if (args.includes("--no-tidy")) delete chosen["clang-tidy"];

  const total = { passed: 0, failed: 0 };
  for (const [name, check] of Object.entries(chosen)) {
    const start = performance.now();
    showProgress(`${name} …`);
    const { code, output } = await check();
    clearProgress();
    total[code === 0 ? "passed" : "failed"]++;
    if (code !== 0) process.stderr.write(`${output.trimEnd()}\n`);
    note(`${code === 0 ? "ok    " : "not ok"} ${name} (${since(start)})`);
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});
