import { existsSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { filesBelow, stamped } from "./freshness.mjs";
import { NATIVE_TESTS } from "./native.mjs";
import { root, run, runOrThrow, ScriptError } from "./process.mjs";
import { clearProgress, note, showProgress, since } from "./progress.mjs";
import { TapReader } from "./tap-reader.mjs";

/** @typedef {{passed: number, failed: number}} Counts */

/** The line every test command ends with. */
export const closingLine = ({ passed, failed }) => `${passed} passed, ${failed} failed`;

/** A run that tested nothing has not passed. */
export const exitCode = ({ passed, failed }) => (failed === 0 && passed > 0 ? 0 : 1);

/**
 * Runs the native test program on every instruction set this machine has, and its check that no compiled kernel
 * variant went untested.
 *
 * @param {{program?: string, args?: string[], env?: NodeJS.ProcessEnv, title?: string, echo?: boolean}} options
 *   echo shows the whole output (the table of kernel variants) and not only a failure's
 * @returns {Promise<Counts>}
 */
export async function runNativeTests({
  program = NATIVE_TESTS,
  args = ["--variants"],
  env = process.env,
  title = "native tests",
  echo = false,
} = {}) {
  const start = performance.now();
  showProgress(`${title} …`);
  const { code, output } = await run(join(root, program), args, {
    env,
    onLine: (line) => showProgress(`${title}: ${line}`),
  });
  clearProgress();
  const closing = [...output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  const counts = { passed: Number(closing?.[1] ?? 0), failed: Number(closing?.[2] ?? 0) };
  // A sanitizer's report or a crash comes without a failed test of its own.
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.passed + counts.failed === 0) counts.failed = 1;
  if (echo || counts.failed > 0) process.stderr.write(output);
  note(`${title}: ${closingLine(counts)} (${since(start)})`);
  return counts;
}

/**
 * Runs every compiled dist/test/*.test.js under tap.
 *
 * @param {string[]} files relative to the repository; all when empty
 * @returns {Promise<Counts>}
 */
export async function runTapTests(files = []) {
  const start = performance.now();
  const chosen = files.length > 0 ? files : filesBelow("dist/test", /\.test\.js$/);
  if (chosen.length === 0) throw new ScriptError("no dist/test/*.test.js: nothing to test.");
  await buildTap();
  let done = 0;
  const report = (text) => note(`not ok ${text}\n`);
  const reader = new TapReader({
    onFile: (name, passed, ms) => {
      done++;
      showProgress(`tests: ${done} of ${chosen.length} files  ${basename(name)}`);
      const took = ms < 1000 ? "" : ` (${(ms / 1000).toFixed(1)} s)`;
      if (!process.stderr.isTTY) note(`${passed ? "ok    " : "not ok"} ${relative("dist", name)}${took}`);
    },
    onFailure: report,
    onSkip: (text) => note(`skip   ${text}`),
  });
  showProgress(`tests: 0 of ${chosen.length} files`);
  const { code, output } = await run(process.execPath, [tapCli(), "run", "--reporter=tap", ...chosen], {
    onLine: (line) => reader.line(line),
  });
  reader.end();
  const counts = { passed: reader.passed, failed: reader.failed };
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1;
    report(`tap ended with exit code ${code}\n${output.slice(-4000)}`);
  }
  note(`TypeScript tests: ${closingLine(counts)} (${since(start)})`);
  return counts;
}

const tapCli = () => join(root, "node_modules/tap/dist/esm/run.mjs");

/** tap compiles its plugins once for each list of plugins. */
async function buildTap() {
  const built = stamped({
    stamp: ".tap/honeybee.stamp",
    inputs: [".taprc", "node_modules/tap/package.json"],
    products: [".tap/plugins"],
  });
  if (built.fresh()) return;
  showProgress("preparing tap …");
  if (existsSync(join(root, ".tap"))) rmSync(join(root, ".tap"), { recursive: true });
  await runOrThrow(process.execPath, [tapCli(), "build"]);
  built.mark();
}
