// 200 models loaded, aborted in mid-generation and disposed of, and 200 worker threads terminated in mid-generation:
// memory, threads and files stay flat. One JSON line for each; run with --expose-gc.
import { readdirSync } from "node:fs";
import { goldenCase, loadGolden } from "../support/golden-model.js";
import { GeneratingWorker } from "../support/workers.js";

const CYCLES = 200;
/** Cycles before the memory allocator and V8 have what they keep. */
const WARM_UP = 40;
/** Cycles whose median counts as one measurement. */
const WINDOW = 20;

interface Usage {
  rss: number;
  threads: number;
  files: number;
}

const { gc } = globalThis as { gc?: () => void };
if (!gc) throw new Error("run with --expose-gc, or garbage would look like a leak");

async function usage(): Promise<Usage> {
  gc!();
  await new Promise((resolve) => setImmediate(resolve));
  return {
    rss: process.memoryUsage.rss(),
    threads: readdirSync("/proc/self/task").length,
    files: readdirSync("/proc/self/fd").length,
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Runs a cycle again and again, and prints whether what it left behind stays below `leak` bytes each. */
async function measure(name: string, leak: number, cycle: (i: number) => Promise<void>): Promise<void> {
  let before = await usage();
  const rss: number[] = [];
  for (let i = 0; i < WARM_UP + CYCLES; i++) {
    await cycle(i);
    const now = await usage();
    if (i >= WARM_UP) rss.push(now.rss);
    if (i === WARM_UP) before = now;
    if (i % 20 === 0) console.error(`${name}: ${i} of ${WARM_UP + CYCLES}, ${now.rss >> 20} MiB`);
  }
  const after = await usage();
  const grown = median(rss.slice(-WINDOW)) - median(rss.slice(0, WINDOW));
  const allowed = leak * (CYCLES - WINDOW);
  const sameThreads = after.threads <= before.threads + 1;
  const sameFiles = after.files <= before.files + 1;
  const passed = grown < allowed && sameThreads && sameFiles;
  console.log(
    JSON.stringify({ name, passed, cycles: CYCLES, grownBytes: grown, allowedBytes: allowed, before, after }),
  );
  if (!passed) process.exitCode = 1;
}

const { prompt, images } = goldenCase("cabs-new");
const first = await loadGolden("cabs-new");
// A cycle that leaves a fiftieth of the model's weights behind is a leak; what the KV cache or a thread's stack would
// leave is far more.
const leak = first.info.weightBytes / 50;
await first.dispose();

await measure("load, abort, dispose", leak, async (i) => {
  const model = await loadGolden("cabs-new", { context: 1024 });
  const controller = new AbortController();
  const stream = model.generate({
    prompt,
    images,
    maxTokens: 1000,
    ignoreEos: true,
    signal: controller.signal,
  });
  // Now while the image is encoded, now in mid-answer.
  if (i % 4 > 0) await stream.next();
  controller.abort();
  if (i % 2) await stream.result.catch(() => {});
  await model.dispose();
});

await measure("worker.terminate() in mid-generation", leak, async () => {
  const worker = new GeneratingWorker(1_000_000);
  await worker.message("generating");
  await worker.terminate();
});
