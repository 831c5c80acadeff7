// How answers are ended from outside, and models disposed of.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { type Chunk, type Generation, loadModel, type Model, type ModelOptions } from "../lib/index.js";
import { endlessModel } from "./support/endless-model.js";
import { ENDLESS, goldenCase, loadGolden, refused } from "./support/golden-model.js";

const folder = mkdtempSync(join(tmpdir(), "honeybee-test-"));
const path = endlessModel(folder);
const loadEndless = (options: ModelOptions = {}) =>
  loadModel(path, { weights: "f32", maxSequences: 4, ...options });

let model: Model;
t.before(async () => {
  model = await loadEndless();
});
t.teardown(async () => {
  await model.dispose();
  rmSync(folder, { recursive: true });
});

/** The first `count` chunks. */
async function take(stream: Generation, count: number): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
    if (chunks.length === count) break;
  }
  return chunks;
}

t.test("break ends the answer and its result has what there is", async (t) => {
  const stream = model.generate(ENDLESS);
  const chunks = await take(stream, 3);
  const result = await stream.result;
  t.equal(result.finishReason, "abort");
  t.ok(result.tokens.length >= 3);
  t.same(
    result.tokens.slice(0, 3),
    chunks.flatMap(({ tokens }) => tokens),
  );
  t.same(await stream.next(), { value: undefined, done: true }, "the iterator has ended");
});

t.test("break before anything was submitted", async (t) => {
  const stream = model.generate(ENDLESS);
  await stream.return();
  const { finishReason, tokens } = await stream.result;
  t.same([finishReason, tokens], ["abort", []]);
});

t.test("an aborted signal rejects iterator and result with its reason", async (t) => {
  const reason = new Error("enough");
  const early = model.generate({ ...ENDLESS, signal: AbortSignal.abort(reason) });
  await t.rejects(early.result, reason);
  await t.rejects(early.next(), reason);

  const controller = new AbortController();
  const stream = model.generate({ ...ENDLESS, signal: controller.signal });
  let seen = 0;
  const reading = (async () => {
    for await (const _ of stream) if (++seen === 3) controller.abort(reason);
  })();
  await t.rejects(reading, reason);
  await t.rejects(stream.result, reason);
  t.equal(seen, 3, "no chunk after the abort");
});

t.test("a signal ends the encoding of an image", async (t) => {
  const { images } = goldenCase("cabs-new");
  const reason = new Error("enough");
  await t.rejects(model.encodeImage(images![0]!, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const encoding = model.encodeImage(images![0]!, { signal: controller.signal });
  controller.abort(reason);
  await t.rejects(encoding, reason);
});

t.test("a signal that outlives its requests holds nothing of them", async (t) => {
  const { images } = goldenCase("cabs-new");
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners++;
    return Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners--;
    return Reflect.apply(removeEventListener, signal, args);
  };
  await model.generate({ ...ENDLESS, maxTokens: 2, signal }).result;
  await model.encodeImage(images![0]!, { signal });
  t.equal(listeners, 0);
});

t.test("several readers of one stream share its chunks", async (t) => {
  const stream = model.generate({ ...ENDLESS, maxTokens: 12 });
  const counts = await Promise.all(
    [1, 2, 3].map(async () => {
      let tokens = 0;
      for (;;) {
        const { value, done } = await stream.next();
        if (done) return tokens;
        tokens += value.tokens.length;
      }
    }),
  );
  t.equal(
    counts.reduce((a, b) => a + b),
    12,
  );
});

// That each of them gets a token in every step is shown in native/engine.test.cpp.
t.test("answers that run together are what each would be alone", async (t) => {
  const start = (seed: number) => model.generate({ ...ENDLESS, maxTokens: 200, temperature: 1, seed }).result;
  const seeds = [0, 1, 2, 3];
  const together = await Promise.all(seeds.map(start));
  for (const seed of seeds) t.same((await start(seed)).tokens, together[seed]!.tokens, `seed ${seed}`);
});

t.test("more answers than run at once wait their turn", async (t) => {
  const narrow = await loadEndless({ maxSequences: 2 });
  const results = Array.from({ length: 7 }, () => narrow.generate({ ...ENDLESS, maxTokens: 20 }).result);
  const tokens = (await Promise.all(results)).map((result) => result.tokens.join());
  t.equal(new Set(tokens).size, 1);
  const waiting = [1, 2, 3].map(() => narrow.generate(ENDLESS));
  await waiting[0]!.next();
  await waiting[2]!.return();
  t.same((await waiting[2]!.result).tokens, [], "one that waits can be left too");
  await narrow.dispose();
});

t.test("dispose ends what runs and resolves it", async (t) => {
  const doomed = await loadEndless({ maxSequences: 3 });
  const streams = [1, 2, 3].map(() => doomed.generate(ENDLESS));
  const taken = await streams[0]!.next();
  const twice = [doomed.dispose(), doomed.dispose()];
  await Promise.all(twice);
  await doomed.dispose();
  for (const stream of streams) t.equal((await stream.result).finishReason, "abort");
  t.ok((await streams[0]!.result).tokens.length > 0);
  const tokens: number[] = [...taken.value!.tokens];
  for await (const chunk of streams[0]!) tokens.push(...chunk.tokens);
  t.same(tokens, (await streams[0]!.result).tokens, "chunks that had arrived can still be read");
});

t.test("a disposed model says so", async (t) => {
  const gone = await loadGolden("cabs-new", { context: 1024 });
  await gone[Symbol.asyncDispose]();
  const { images } = goldenCase("cabs-new");
  await refused(t, gone.generate(ENDLESS).result, "ERR_DISPOSED", "disposed", "load it again");
  await refused(
    t,
    gone.chat({ messages: [{ role: "user", content: "Hi" }] }).result,
    "ERR_DISPOSED",
    "disposed",
  );
  await refused(t, gone.encodeImage(images![0]!), "ERR_DISPOSED", "disposed");
  await refused(t, gone.generate(ENDLESS).next(), "ERR_DISPOSED", "disposed");
  t.ok(
    gone.info.context === 1024 && gone.tokenizer.encode("Hi").length > 0,
    "what needs no engine still works",
  );
});

t.test("dispose while an image is being encoded", async (t) => {
  const doomed = await loadGolden("cabs-new", { context: 1024 });
  const { images, prompt } = goldenCase("cabs-new");
  const encoding = refused(t, doomed.encodeImage(images![0]!), "ERR_DISPOSED", "disposed");
  const stream = doomed.generate({ prompt, images });
  await doomed.dispose();
  await encoding;
  const outcome = await stream.result.then(
    ({ finishReason }) => finishReason,
    (error) => error.code,
  );
  t.ok(["abort", "ERR_DISPOSED"].includes(outcome), outcome);
});

t.test("loading can be stopped", async (t) => {
  const reason = new Error("not this one");
  await t.rejects(loadGolden("cabs-new", { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  // That nothing is read any more is shown in native/engine.test.cpp.
  const loading = loadModel("random:1.1B-C-Abs-M144,layers=4,vision-layers=4", {
    context: 256,
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await t.rejects(loading, reason);
});

t.test("loading fails of what onProgress throws, not the process", async (t) => {
  const reason = new Error("the bar broke");
  const onProgress = () => {
    throw reason;
  };
  await t.rejects(loadGolden("cabs-new", { context: 777, onProgress }), reason);
});

t.test("visual tokens stand in for their image", async (t) => {
  const golden = goldenCase("cabs-new", "case-two.json");
  const seen = await Promise.all(golden.images!.map((image) => model.encodeImage(image)));
  t.same(
    seen.map(({ shape, data }) => [...shape, data.length]),
    [
      [9, 128, 9 * 128],
      [9, 128, 9 * 128],
    ],
  );
  for (const images of [seen, [seen[0]!, golden.images![1]!], seen]) {
    const { tokens } = await model.generate({ prompt: golden.prompt, images, maxTokens: 32, ignoreEos: true })
      .result;
    t.same(tokens, golden.generate_ids);
  }
});
