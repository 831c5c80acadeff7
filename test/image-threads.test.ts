// The picture thread belongs to the process: environments come and go, in the middle of jobs too.
import { Worker } from "node:worker_threads";
import t from "tap";
import { imageNative } from "../lib/image/native.js";

const OPTIONS = { size: 224, mode: "squash" as const, mean: [0, 0, 0], std: [1, 1, 1], pixelValues: true };

/** What a thread runs: `jobs` resizes of a picture of `side`², all posted at once; it says when they run and are done. */
const THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  import(workerData.url).then(async ({ imageNative }) => {
    const { side, jobs, options } = workerData;
    const picture = new Uint8Array(side * side * 3).fill(9);
    const running = Array.from({ length: jobs }, () => imageNative.preprocessImage(picture, side, side, options));
    parentPort.postMessage("running");
    const results = await Promise.all(running);
    parentPort.postMessage(results.every(({ rgb }) => rgb.every((value) => value === 9)) ? "right" : "wrong");
  });`;

/** A thread, and what it will say: first "running", then "right" or "wrong". */
function start(side: number, jobs: number) {
  const url = new URL("../lib/image/native.js", import.meta.url).href;
  const worker = new Worker(THREAD, { eval: true, workerData: { url, side, jobs, options: OPTIONS } });
  const said = (accepted: string[]) =>
    new Promise<string>((resolve, reject) => {
      worker.on("message", (text) => accepted.includes(text) && resolve(text)).once("error", reject);
    });
  return { worker, running: said(["running"]), done: said(["right", "wrong"]) };
}

t.test("several threads at once get their own results", async (t) => {
  const threads = Array.from({ length: 4 }, () => start(500, 5));
  t.same(await Promise.all(threads.map(({ done }) => done)), Array(4).fill("right"));
  for (const { worker } of threads) await worker.terminate();
});

t.test("terminating a thread in the middle of its jobs stops them and nothing else", async (t) => {
  const mine = new Uint8Array(600 * 600 * 3).fill(5);
  for (let round = 0; round < 15; round++) {
    const { worker, running } = start(1200, 60);
    await running;
    const ours = imageNative.preprocessImage(mine, 600, 600, OPTIONS);
    const started = performance.now();
    await worker.terminate();
    t.ok(performance.now() - started < 1000, "it does not wait for sixty jobs");
    t.ok(
      (await ours).rgb.every((value) => value === 5),
      "the main thread's job is finished",
    );
  }
});

t.test("the event loop goes on while a large picture is resized", async (t) => {
  const side = 6000;
  const picture = new Uint8Array(side * side * 3);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await imageNative.preprocessImage(picture, side, side, { ...OPTIONS, simd: "portable" });
  clearInterval(timer);
  t.ok(ticks > 10, `${ticks} ticks`);
});
