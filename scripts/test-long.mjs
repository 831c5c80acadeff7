/**
 * The tests that take long (mutants, kills, soak): every dist/test/long/*.long.js in turn. Each prints JSON lines,
 * one result a line with `name`, `passed` (true or false) and whatever it measured; they are written with the date,
 * the commit and the CPU to bench/results/long-<file>.json. The last line is `N passed, N failed`.
 *
 *   npm run test:long [-- NAME …]     NAME as in dist/test/long/NAME.long.js
 */
import { basename } from "node:path";
import { filesBelow } from "./support/freshness.mjs";
import { machine, writeResult } from "./support/machine.mjs";
import { buildNative } from "./support/native.mjs";
import { main, run, ScriptError } from "./support/process.mjs";
import { note, showProgress, since } from "./support/progress.mjs";
import { provideRedis } from "./support/redis.mjs";
import { closingLine, exitCode } from "./support/tests.mjs";
import { buildTypeScript } from "./support/typescript.mjs";

const nameOf = (file) => basename(file, ".long.js");

/** Results of one file: its JSON lines, and a failed one more when the process itself ended badly. */
async function runLong(file) {
  const results = [];
  const started = performance.now();
  const { code, output } = await run(process.execPath, ["--expose-gc", file], {
    onLine(line) {
      if (!line.startsWith("{")) return showProgress(`${nameOf(file)}: ${line}`);
      const result = JSON.parse(line);
      results.push(result);
      note(`${result.passed ? "ok    " : "not ok"} ${nameOf(file)}: ${result.name}`);
    },
  });
  if (code !== 0 && results.every(({ passed }) => passed)) {
    process.stderr.write(output.slice(-8000));
    results.push({ name: "process", passed: false, exitCode: code });
  }
  if (results.length === 0) results.push({ name: "no result", passed: false });
  note(`${nameOf(file)} took ${since(started)}`);
  return { seconds: Math.round((performance.now() - started) / 100) / 10, results };
}

await main(async (names) => {
  await buildNative();
  await buildTypeScript();
  await provideRedis();
  const files = filesBelow("dist/test/long", /\.long\.js$/);
  const unknown = names.find((name) => !files.some((file) => nameOf(file) === name));
  if (unknown) throw new ScriptError(`no long test ${unknown}; there are: ${files.map(nameOf).join(", ")}.`);

  const total = { passed: 0, failed: 0 };
  for (const file of files.filter((each) => names.length === 0 || names.includes(nameOf(each)))) {
    const outcome = await runLong(file);
    for (const { passed } of outcome.results) total[passed === true ? "passed" : "failed"]++;
    note(`wrote ${writeResult(`long-${nameOf(file)}.json`, { ...(await machine()), ...outcome })}`);
  }
  console.log(closingLine(total));
  return exitCode(total);
});
