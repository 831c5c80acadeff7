// What requests share must not show in their answers: on golden checkpoints, prompts that run together, come again or
// go on from earlier ones give the reference's tokens and the same log-probabilities to the bit.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import t from "tap";
import { type GenerationResult, image } from "../lib/index.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";

interface Case {
  prompt: string;
  images: string[];
  generate_ids: number[];
}

const ANSWER = { maxTokens: 32, ignoreEos: true, logprobs: 3 };

const settings = [
  { device: "cpu" },
  { device: "cpu", weights: "bf16", batchInvariant: true },
  { device: "simt", weights: "bf16", batchInvariant: true },
];
for (const options of settings) {
  const { device } = options;
  t.test(`${Object.values(options).join(" ")}: together and again`, async (t) => {
    const golden = goldenCase<Case>("cabs-new", "case.json");
    const fresh = await loadGolden("cabs-new", { ...options, prefixCache: false, imageCache: 0 });
    const request = { prompt: golden.prompt, images: golden.images, ...ANSWER };
    const alone = await fresh.generate(request).result;
    await fresh.dispose();
    if (!options.weights) t.same(alone.tokens, golden.generate_ids);
    const isSame = (result: GenerationResult, name: string) => {
      t.same(result.tokens, alone.tokens, `${name}: tokens`);
      t.same(result.logprobs, alone.logprobs, `${name}: log-probabilities`);
    };

    const model = await loadGolden("cabs-new", options);
    const copies = device === "cpu" ? 6 : 2;
    const together = await Promise.all([
      ...Array.from({ length: copies }, () => model.generate(request).result),
      model.generate({ ...request, prompt: `${golden.prompt} And then?`, maxTokens: 8 }).result,
    ]);
    for (const [i, result] of together.slice(0, copies).entries()) isSame(result, `copy ${i}`);
    const again = await model.generate(request).result;
    isSame(again, "again");
    const length = alone.usage.promptTokens;
    t.equal(again.usage.cachedTokens, Math.floor((length - 1) / 16) * 16);
    t.equal(again.usage.promptTokens, length);

    const stats = model.stats();
    t.equal(stats.imagesEncoded, golden.images.length, "each image is encoded once");
    t.equal(stats.running, 0);
    t.equal(stats.waiting, 0);
    t.equal(stats.blocksUsed, 0);
    t.equal(stats.generatedTokens, (copies + 1) * 32 + 8);
    t.ok(stats.cachedTokens >= again.usage.cachedTokens);
    await model.dispose();
    t.throws(() => model.stats(), { code: "ERR_DISPOSED" });
  });
}

t.test("a conversation goes on from its last turn; n answers share a prompt", async (t) => {
  const golden = goldenCase<Case>("cabs-new", "case.json");
  const model = await loadGolden("cabs-new");
  const question = { role: "user" as const, content: [image(golden.images[0]!), "What is this?"] };
  const first = await model.chat({ messages: [question], maxTokens: 24, ignoreEos: true }).result;
  t.equal(first.usage.cachedTokens, 0);
  const messages = [
    question,
    { role: "assistant" as const, content: first.text },
    { role: "user" as const, content: "Why?" },
  ];
  const second = await model.chat({ messages, maxTokens: 4 }).result;
  t.ok(second.usage.cachedTokens >= 16, "the first turn is not computed again");
  const encoded = model.stats().imagesEncoded;
  t.equal(encoded, 1, "its image neither");

  const before = model.stats();
  const options = { maxTokens: 6, ignoreEos: true, seed: 5, temperature: 1 };
  const many = await model.generate({ prompt: `${"A long tale of bees. ".repeat(4)}`, n: 4, ...options })
    .result;
  // All of it where they begin together; an answer that comes later finds its whole blocks.
  const shared = Math.floor((many.usage.promptTokens - 1) / 16) * 16;
  t.ok(model.stats().cachedTokens - before.cachedTokens >= 3 * shared, "one prefill for all answers");
  t.equal(many.choices.length, 4);
  t.equal(new Set(many.choices.map(({ tokens }) => tokens.join())).size, 4);
  await model.dispose();
});

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid?: number;
  ts?: number;
  dur?: number;
  args?: Record<string, number>;
}

t.test("the steps are written as a Chrome trace, whole at any time", async (t) => {
  const file = join(t.testdir(), "steps.json");
  const read = () => JSON.parse(readFileSync(file, "utf8")) as TraceEvent[];
  const model = await loadGolden("cabs-new", { stepTrace: file, maxSequences: 1 });
  const options = { maxTokens: 5, ignoreEos: true };
  const endless = model.generate({ prompt: "on and on", maxTokens: 400, ignoreEos: true });
  await endless.next();
  t.ok(
    read().some(({ name }) => name === "step"),
    "while the model works",
  );
  await endless.return();
  const results = await Promise.all([
    model.generate({ prompt: "a long tale", ...options }).result,
    model.generate({ prompt: "another", ...options }).result,
  ]);
  const before = model.stats().steps;
  await model.dispose();
  const events = read();
  const steps = events.filter(({ name, ph }) => name === "step" && ph === "X");
  t.equal(steps.length, before);
  t.ok(steps.every(({ ts, dur }) => typeof ts === "number" && typeof dur === "number" && dur > 0));
  t.ok(steps.every(({ args }) => args!.tokens === 1 && args!.decoding! + args!.prefilling! === 1));
  const rows = steps.reduce((sum, { args }) => sum + args!.prefillRows!, 0);
  t.ok(rows >= results.reduce((sum, { usage }) => sum + usage.promptTokens, 0), "the rows of prompts");
  for (const request of [1, 2]) {
    const mine = events.filter(({ pid, tid, ph }) => pid === 2 && tid === request && ph === "X");
    t.same(
      mine.map(({ name }) => name),
      ["queued", "prefill", "decode"],
    );
  }
  const counters = (name: string) =>
    events.filter((event) => event.name === name && event.ph === "C").map(({ args }) => args!);
  t.ok(counters("blocks").every(({ used, cached, free }) => used! > 0 && cached! >= 0 && free! > 0));
  t.ok(counters("requests").every(({ running }) => running === 1));
  t.ok(
    counters("requests").some(({ waiting }) => waiting === 1),
    "one waits for the other",
  );
  await t.rejects(loadGolden("cabs-new", { stepTrace: join(file, "no", "folder") }), { code: "ERR_OPTION" });
});

t.test("a timeout fails the request, waiting included; priority lets it go first", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 1 });
  const long = model.generate({ prompt: "a", maxTokens: 400, ignoreEos: true });
  await long.next();
  const late = model.generate({ prompt: "b", maxTokens: 1, timeout: 1 });
  await t.rejects(late.result, { code: "ERR_OVERLOADED", message: /timeout of 1 ms/ });
  const ended: string[] = [];
  const note = (name: string, priority: number) =>
    model.generate({ prompt: name, maxTokens: 1, priority }).result.then(() => ended.push(name));
  const both = [note("low", 0), note("high", 2)];
  while (model.stats().waiting < 2) await setImmediate();
  await Promise.all([...both, long.return()]);
  t.same(ended, ["high", "low"]);
  await model.dispose();
});
