/**
 * Mutation tests of the CUDA kernels on the simulator: changes kernels in small ways, chosen by a seed, and counts how
 * many the op tests notice. All mutants of a file are compiled at once (into build-mutants/) and chosen by a number at
 * run time. Writes bench/results/mutants-DATE.md when all files are tried. Fails if fewer than 95 % of those that are
 * not equivalent are killed, or one survives without a reason in test/mutants/survivors.json.
 *
 *   npm run test:mutants [-- --file norm] [--count 20] [--seed 1]
 *   --file NAME  one file of cuda/, may be given again
 *   --count N    mutants a kernel, if its source has as many places; barriers and waits are tried all
 *   --seed N     other mutants
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { filesBelow } from "./support/freshness.mjs";
import { machine, writeResult } from "./support/machine.mjs";
import { buildMutated } from "./support/mutants-build.mjs";
import { ALWAYS, chooseMutants } from "./support/mutants-choose.mjs";
import { mutantReport, summaryOf } from "./support/mutants-report.mjs";
import { exists, opTests, survey, tryMutant } from "./support/mutants-run.mjs";
import { buildNative, NATIVE_TESTS } from "./support/native.mjs";
import { main, root, ScriptError } from "./support/process.mjs";
import { clearProgress, note, showProgress, since } from "./support/progress.mjs";
import { closingLine } from "./support/tests.mjs";

const TREE = join(root, NATIVE_TESTS, "..");
const PROGRAM = join(root, NATIVE_TESTS);
const JOBS = Math.max(2, availableParallelism());

const readTable = (name) => JSON.parse(readFileSync(join(root, "test/mutants", name), "utf8"));

function options(args) {
  const { values } = parseArgs({
    args,
    options: {
      file: { type: "string", multiple: true },
      count: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
    },
  });
  const [count, seed] = [values.count, values.seed].map(Number);
  if (!(count >= 1) || !Number.isInteger(seed))
    throw new ScriptError("test-mutants.mjs: --count and --seed take whole numbers.");
  return { files: values.file, count, seed };
}

/** Calls work on every item, a few at a time; the results in the order of the items. */
async function inParallel(items, work) {
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  return results;
}

/** Of each kernel the first `count` mutants that exist, and every barrier and wait, which come before all others. */
function existing(mutants, surveyed, count) {
  const met = new Map();
  return mutants.filter((mutant) => {
    if (!exists(mutant, surveyed)) return false;
    const nth = (met.get(mutant.kernel) ?? 0) + 1;
    met.set(mutant.kernel, nth);
    return nth <= count || ALWAYS.has(mutant.change.operator);
  });
}

/** Tries all mutants of one file. */
async function tryFile(mutated, count, filters, tests) {
  const start = performance.now();
  const name = mutated.file;
  showProgress(`${name}: compiling ${mutated.mutants.length} mutants`);
  const under = { program: PROGRAM, library: await buildMutated(mutated, TREE) };
  const built = performance.now();
  const ours = tests.filter((test) => filters.some((filter) => test.includes(filter)));
  const surveyed = await inParallel(ours, (test) => survey(under, test));
  const mutants = existing(mutated.mutants, surveyed, count);
  let done = 0;
  const tried = await inParallel(mutants, async (mutant) => {
    const verdict = await tryMutant(under, mutant, surveyed);
    showProgress(`${name}: ${++done} of ${mutants.length} mutants`);
    return { ...mutant, source: name, verdict };
  });
  clearProgress();
  const { killed } = summaryOf(tried, {});
  const compiled = ((built - start) / 1000).toFixed(0);
  note(
    `${name}: ${killed} of ${tried.length} mutants killed (${since(start)}, ${compiled} s of it to compile)`,
  );
  return tried;
}

await main(async (args) => {
  const { files, count, seed } = options(args);
  const filtersOf = readTable("tests.json");
  const reasons = readTable("survivors.json");
  const sources = filesBelow("cuda", /\.cu$/).map((file) => basename(file, ".cu"));
  for (const file of files ?? []) {
    if (!sources.includes(file))
      throw new ScriptError(`test-mutants.mjs: no cuda/${file}.cu; there are ${sources.join(", ")}.`);
  }
  const chosen = files ?? sources;
  for (const file of chosen) {
    if (!(file in filtersOf))
      throw new ScriptError(`test-mutants.mjs: test/mutants/tests.json lacks the tests of cuda/${file}.cu.`);
  }

  const start = performance.now();
  await buildNative({ tests: true });
  const tests = await opTests(PROGRAM);
  const tried = [];
  for (const file of chosen) {
    const mutated = chooseMutants(`cuda/${file}.cu`, { seed, count: 2 * count });
    tried.push(...(await tryFile(mutated, count, filtersOf[file], tests)));
  }

  const report = mutantReport(tried, reasons);
  console.log(`${report}\n`);
  if (!files) {
    const { date, commit, cpu } = await machine();
    const title = `# Mutants of the CUDA kernels, ${date}\n\nCommit ${commit}, ${cpu}, seed ${seed}, ${count} a kernel, ${since(start)}.`;
    note(`written: ${writeResult(`mutants-${date}.md`, `${title}\n\n${report}\n`)}`);
  }
  const { survivors, killed, open, enough } = summaryOf(tried, reasons);
  console.log(closingLine({ passed: killed + survivors.length - open.length, failed: open.length }));
  return enough && open.length === 0 ? 0 : 1;
});
