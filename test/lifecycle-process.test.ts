// How processes and worker threads end that hold a model.
import { execFile } from "node:child_process";
import { join } from "node:path";
import t from "tap";
import { loadModel } from "../lib/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { endlessModel } from "./support/endless-model.js";
import { ENDLESS, loadGolden } from "./support/golden-model.js";
import { GeneratingWorker } from "./support/workers.js";

/** Runs exit-child.ts to its end. */
function child(
  mode: string,
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const file = join(import.meta.dirname, "support", "exit-child.js");
  return new Promise((resolve) => {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const running = execFile(
      process.execPath,
      [file, mode],
      { env, timeout: 60_000 },
      (_error, stdout, stderr) => {
        resolve({ code: running.exitCode, signal: running.signalCode, stdout, stderr });
      },
    );
  });
}

t.test("a process with an idle model ends by itself", async (t) => {
  t.match(await child("idle"), { code: 0, signal: null, stderr: "" });
});

t.test("a process lives as long as an answer is under way", async (t) => {
  t.match(await child("unawaited"), { code: 0, signal: null, stdout: "50\n", stderr: "" });
});

t.test("process.exit in mid-generation exits with its code and without a crash", async (t) => {
  for (let i = 0; i < 5; i++) t.match(await child("exit"), { code: 7, signal: null, stderr: "" });
});

t.test("process.exit while loading does too", async (t) => {
  t.match(await child("exit-while-loading"), { code: 7, signal: null, stderr: "" });
});

t.test("a failed result that nobody looks at raises nothing", async (t) => {
  t.match(await child("unobserved"), { code: 0, signal: null, stderr: "" });
  const uncaught = await child("uncaught");
  t.equal(uncaught.code, 1, "an uncaught rejection would show");
});

t.test("worker.terminate in mid-generation, ten times", { timeout: 120_000 }, async (t) => {
  const model = await loadGolden("cabs-new", { context: 512 });
  const request = { ...ENDLESS, maxTokens: 8 };
  const before = await model.generate(request).result;
  for (let i = 0; i < 10; i++) {
    const worker = new GeneratingWorker(1_000_000);
    await worker.message("generating");
    t.type(await worker.terminate(), "number");
  }
  t.same((await model.generate(request).result).tokens, before.tokens, "this thread's model is unharmed");
  await model.dispose();
});

t.test("threads that load the same model share one engine", async (t) => {
  const model = await loadGolden("cabs-new");
  const expected = (await model.generate({ ...ENDLESS, maxTokens: 300 }).result).tokens;
  const [a, b, doomed] = [
    new GeneratingWorker(300),
    new GeneratingWorker(300),
    new GeneratingWorker(1_000_000),
  ];
  for (const worker of [a, b, doomed]) {
    t.equal((await worker.message("loaded")).loadMs, model.info.loadMs, "loaded only once");
  }
  await doomed.message("generating");
  await doomed.terminate();
  for (const worker of [a, b]) t.same((await worker.message("done")).tokens, expected);
  const other = await loadGolden("cabs-new", { context: 256 });
  t.not(other.info.loadMs, model.info.loadMs, "other options are another engine");
  await other.dispose();
  await model.dispose();
});

t.test("the engine lives until its last user leaves", async (t) => {
  await withTempFolder(async (folder) => {
    const path = endlessModel(folder);
    const load = () => loadModel(path, { weights: "f32", maxSequences: 2 });
    const first = await load();
    const second = await load();
    const left = first.generate(ENDLESS);
    await left.next();
    await first.dispose();
    t.equal((await left.result).finishReason, "abort");
    t.equal((await second.generate({ ...ENDLESS, maxTokens: 5 }).result).tokens.length, 5);
    await second.dispose();
  });
});
