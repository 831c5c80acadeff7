// model.batch: order of completion, errors as items, back-pressure, and everything given back when it stops.
import { readFileSync } from "node:fs";
import t from "tap";
import { type BatchRequest, type BatchResult, image } from "../lib/index.js";
import { ENDLESS, goldenCase, loadGolden, refused, SHORT_PROMPT } from "./support/golden-model.js";

const golden = goldenCase("cabs-new");
const raw = { prompt: golden.prompt, images: golden.images!, maxTokens: golden.max_new_tokens };

async function collect(results: AsyncIterable<BatchResult>): Promise<Map<string | number, BatchResult>> {
  const found = new Map<string | number, BatchResult>();
  for await (const result of results) {
    if (found.has(result.id)) throw new Error(`${result.id} was answered twice`);
    found.set(result.id, result);
  }
  return found;
}

const tokensOf = (result: BatchResult | undefined) =>
  result && !result.error ? result.tokens : result?.error;

t.test("each request has a format of its own; a wrong one is an error of its own", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 8 });
  const requests: BatchRequest[] = [];
  for (let i = 0; i < 40; i++) {
    const regex = i % 10 === 3 ? "(" : `${i}: [a-f]{3}`;
    requests.push({ id: i, prompt: SHORT_PROMPT, responseFormat: { type: "regex", regex } });
  }
  const found = await collect(model.batch(requests));
  t.equal(found.size, 40);
  for (const [id, result] of found) {
    if (Number(id) % 10 === 3) t.match(result.error, { code: "ERR_OPTION", message: /pattern "\("/ });
    else t.match(result, { finishReason: "stop", text: new RegExp(`^${id}: [a-f]{3}$`) });
  }
  await model.dispose();
});

t.test("each request gets the golden answer, bad ones an error of their own", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 3 });
  const requests: BatchRequest[] = [];
  for (let i = 0; i < 30; i++) {
    if (i % 10 === 3) requests.push({ id: `bad${i}`, prompt: "<image>", images: ["no/such.png"] });
    else if (i % 10 === 4)
      requests.push({ id: `bad${i}`, prompt: "x", maxTokns: 3 } as unknown as BatchRequest);
    else if (i % 10 === 5) requests.push({ id: `bad${i}` } as unknown as BatchRequest);
    else if (i % 10 === 6) requests.push(null as unknown as BatchRequest);
    else requests.push({ id: `good${i}`, ...raw, images: [readFileSync(golden.images![0]!)] });
  }
  const batch = model.batch(requests);
  const found = await collect(batch);
  t.equal(found.size, 30);
  for (const [id, result] of found) {
    if (String(id).startsWith("good")) t.same(tokensOf(result), golden.generate_ids, String(id));
  }
  const message = (id: string | number) => found.get(id)?.error;
  t.match(message("bad3"), { code: "ERR_IMAGE", message: /no\/such\.png/ });
  t.match(message("bad4"), { code: "ERR_OPTION", message: /maxTokns.*maxTokens/ });
  t.match(message("bad5"), { code: "ERR_OPTION", message: /messages or a prompt/ });
  t.match(message(6), { code: "ERR_OPTION", message: /null/ }, "named by its position");
  t.match(batch.stats, {
    answered: 30,
    failed: 12,
    images: 18,
    completionTokens: 18 * golden.generate_ids.length,
  });
  await model.dispose();
});

t.test("conversations with images; visual tokens go through", async (t) => {
  const model = await loadGolden("cabs-new");
  const path = golden.images![0]!;
  const messages = [{ role: "user" as const, content: [image(path), "What is this?"] }];
  const expected = await model.chat({ messages, maxTokens: 8 }).result;
  const seen = await model.encodeImage(path);
  const found = await collect(
    model.batch([
      { id: 1, messages, maxTokens: 8 },
      { id: 2, messages: [{ role: "user", content: [seen, "What is this?"] }], maxTokens: 8 },
      { id: 3, messages: "x" as unknown as [] },
    ]),
  );
  t.same(tokensOf(found.get(1)), expected.tokens);
  t.same(tokensOf(found.get(2)), expected.tokens);
  t.match(found.get(3)?.error, { code: "ERR_OPTION" });
  await model.dispose();
});

t.test("an answer does not wait for those before it", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 4 });
  const ids: unknown[] = [];
  const lengths = [200, 1, 2, 3];
  const requests = lengths.map((maxTokens) => ({
    id: maxTokens,
    prompt: SHORT_PROMPT,
    maxTokens,
    ignoreEos: true,
  }));
  for await (const { id } of model.batch(requests)) ids.push(id);
  t.equal(ids.at(-1), 200, `${ids}`);
  await model.dispose();
});

t.test("a consumer that stops taking stops the source", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 2 });
  let pulled = 0;
  let closed = 0;
  async function* source(): AsyncGenerator<BatchRequest> {
    try {
      for (;;) {
        pulled++;
        yield { prompt: SHORT_PROMPT, maxTokens: 1 };
      }
    } finally {
      closed++;
    }
  }
  const batch = model.batch(source());
  t.equal(pulled, 0, "nothing is read before it is asked for");
  await batch.next();
  await new Promise((resolve) => setTimeout(resolve, 300));
  // Two run, one is queued, two are ahead of them, and one was taken; the generator counts the one it is asked for.
  t.ok(pulled <= 2 + 1 + 2 + 1 + 1, `${pulled} were read`);
  await batch.return();
  t.equal(closed, 1, "return of the source is called");
  await model.dispose();
});

t.test("images ahead are bounded in bytes", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 8 });
  let pulled = 0;
  function* source(): Generator<BatchRequest> {
    for (; pulled < 6; pulled++) yield { id: pulled, ...raw };
  }
  const found = await collect(model.batch(source(), { prefetchBytes: 0 }));
  t.equal(found.size, 6, "no window at all is one image at a time");
  await model.dispose();
});

t.test("break, abort and dispose stop everything", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 2 });
  let closed = 0;
  function* endless(): Generator<BatchRequest> {
    try {
      yield { prompt: SHORT_PROMPT, maxTokens: 1 };
      for (;;) yield ENDLESS;
    } finally {
      closed++;
    }
  }
  for await (const result of model.batch(endless())) {
    t.equal(result.id, 0);
    break;
  }
  t.equal(closed, 1);

  const controller = new AbortController();
  const aborted = model.batch(endless(), { signal: controller.signal });
  await aborted.next();
  const pending = aborted.next();
  controller.abort(new Error("enough"));
  await t.rejects(pending, { message: "enough" });
  t.equal(closed, 2);
  t.same(await model.generate({ prompt: SHORT_PROMPT, maxTokens: 1 }).result.then((r) => r.tokens.length), 1);

  const never = model.batch({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
  });
  const waits = never.next();
  await never.return();
  t.same(await waits, { value: undefined, done: true }, "a source that never answers keeps nobody");

  const disposed = model.batch(endless());
  await disposed.next();
  const last = t.rejects(disposed.next(), { code: "ERR_DISPOSED" });
  await model.dispose();
  await last;
  t.throws(() => model.batch([]), { code: "ERR_DISPOSED" });
});

t.test("what the source throws comes after the answers before it", async (t) => {
  const model = await loadGolden("cabs-new");
  function* source(): Generator<BatchRequest> {
    yield { id: "a", prompt: SHORT_PROMPT, maxTokens: 3 };
    throw new Error("the disk is gone");
  }
  const batch = model.batch(source());
  t.match(await batch.next(), { value: { id: "a" }, done: false });
  await t.rejects(batch.next(), { message: "the disk is gone" });
  await refused(t, () => model.batch(5 as unknown as []), "ERR_OPTION", "iterable");
  await refused(t, () => model.batch([], { prefetch: 1 } as object), "ERR_OPTION", "prefetchBytes");
  t.same(await model.batch([]).next(), { value: undefined, done: true });
  await model.dispose();
});
