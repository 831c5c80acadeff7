/**
 * Compares honeybee with llama.cpp on this machine, alternately and at the same sizes, and writes medians and ratios to
 * bench/results/peers-<cpu>-<date>.{md,json}. See bench/README.md.
 *
 *   npm run bench:peers [-- --rounds N] [--threads N]
 */
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { machine, writeResult } from "../scripts/support/machine.mjs";
import { main, ScriptError } from "../scripts/support/process.mjs";
import { note, showProgress, since } from "../scripts/support/progress.mjs";
import { llamaCpp } from "./peers/llama-cpp.mjs";
import { measurePeer, measureUs } from "./peers/measure.mjs";
import { peerModels } from "./peers/models.mjs";
import { bf16Path, compare, markdown, runtimeRows } from "./peers/report.mjs";
import { measureRuntime } from "./peers/runtime.mjs";
import { servePeer, serveUs } from "./peers/serving.mjs";

/** Above this load the machine is not quiet; llama.cpp spins while it waits and suffers most. */
const QUIET_LOAD = 0.5;

function options(args) {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: "string" }, threads: { type: "string" } },
  });
  const whole = (name, fallback) => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isInteger(value) || value < 1)
      throw new ScriptError(`--${name} must be a whole number from 1 up.`);
    return value;
  };
  return { rounds: whole("rounds", 5), threads: whole("threads", Math.min(2, availableParallelism())) };
}

await main(async (args) => {
  const { rounds: count, threads } = options(args);
  const { bin, description } = await llamaCpp();
  const models = await peerModels();
  const load = loadavg()[0];
  if (load > QUIET_LOAD) note(`the machine is not quiet (load ${load.toFixed(1)}): the ratios may mislead.`);

  const rounds = [];
  for (let round = 1; round <= count; round++) {
    const start = performance.now();
    showProgress(`round ${round} of ${count}: llama.cpp …`);
    const peer = await measurePeer(bin, models, threads);
    peer.serve8 = await servePeer(bin, models.llama, threads);
    showProgress(`round ${round} of ${count}: honeybee …`);
    const us = await measureUs(threads);
    us.serve8 = await serveUs(threads);
    showProgress(`round ${round} of ${count}: the runtime …`);
    rounds.push({ peer, us, runtime: await measureRuntime(threads) });
    note(`round ${round} of ${count} (${since(start)})`);
  }

  const where = { ...(await machine()), threads };
  const path = bf16Path(readFileSync("/proc/cpuinfo", "utf8"));
  const rows = compare(rounds, path);
  const runtime = runtimeRows(rounds, path);
  const page = markdown(where, description, rounds, rows, runtime);
  const name = `peers-${where.cpu.toLowerCase().replace(/[^a-z0-9]+/g, "-")}-${where.date}`;
  writeResult(`${name}.json`, { ...where, load, peer: description, rows, runtime, rounds });
  note(`wrote ${writeResult(`${name}.md`, page)}`);
  console.log(page);
});
