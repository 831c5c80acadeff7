// Where an answer ends, what is told of it, and what may be in it.
import t from "tap";
import type { Chunk, GenerateRequest, GenerationOptions, Model } from "../lib/index.js";
import { goldenCase, loadGolden, SHORT_PROMPT } from "./support/golden-model.js";

const EOS = 2;
const vocabulary = 640;

let model: Model;
t.before(async () => {
  model = await loadGolden("cabs-new");
});
t.teardown(() => model.dispose());

const request = (options: GenerationOptions): GenerateRequest => ({
  prompt: SHORT_PROMPT,
  maxTokens: 32,
  ...options,
});
const generate = (options: GenerationOptions) => model.generate(request(options)).result;

async function streamed(options: GenerationOptions) {
  const generation = model.generate(request(options));
  const chunks: Chunk[] = [];
  for await (const chunk of generation) chunks.push(chunk);
  return { chunks, text: chunks.map(({ text }) => text).join(""), result: await generation.result };
}

t.test("the end token ends an answer and is not part of it", async (t) => {
  const bias = { logitBias: { [EOS]: 1000 } };
  const ended = await generate(bias);
  t.same([ended.tokens, ended.text, ended.finishReason], [[], "", "stop"]);
  const later = await generate({ ...bias, minTokens: 5 });
  t.equal(later.tokens.length, 5);
  t.equal(later.finishReason, "stop");
  t.same(later.tokens, (await generate({ maxTokens: 5 })).tokens, "only the end was put off");
  const past = await generate({ ...bias, ignoreEos: true, maxTokens: 4 });
  t.same([past.tokens, past.text, past.finishReason], [[EOS, EOS, EOS, EOS], "", "length"]);
});

t.test("maxTokens counts tokens; 0 answers nothing", async (t) => {
  for (const maxTokens of [0, 1, 7]) {
    const { tokens, finishReason, usage } = await generate({ maxTokens });
    t.equal(tokens.length, maxTokens);
    t.equal(finishReason, "length");
    t.equal(usage.completionTokens, maxTokens);
  }
});

t.test("the context ends an answer that maxTokens would not", async (t) => {
  const small = await loadGolden("cabs-new", { context: 64 });
  const { tokens, finishReason, usage } = await small.generate(request({ maxTokens: 1000, ignoreEos: true }))
    .result;
  t.equal(finishReason, "length");
  t.equal(usage.promptTokens + tokens.length, 64);
  await small.dispose();
});

t.test("logitBias forces and forbids tokens", async (t) => {
  const plain = await generate({ maxTokens: 8 });
  const forced = await generate({ maxTokens: 3, logitBias: { 77: 1000 } });
  t.same(forced.tokens, [77, 77, 77]);
  const first = plain.tokens[0]!;
  const without = await generate({ maxTokens: 8, logitBias: new Map([[first, -1000]]) });
  t.notOk(without.tokens.includes(first));
});

t.test("penalties see what was generated", async (t) => {
  const forced = { maxTokens: 6, logitBias: { 77: 50, 78: 45 } };
  t.same(new Set((await generate(forced)).tokens), new Set([77]));
  const once = await generate({ ...forced, noRepeatNgramSize: 1 });
  t.equal(new Set(once.tokens).size, 6, "no token twice");
  const alternating = await generate({ ...forced, maxTokens: 4, frequencyPenalty: 10 });
  t.same(new Set(alternating.tokens), new Set([77, 78]));
});

/** Two neighbouring chunks with a visible text each, and where the border between them lies. */
function tokenBorder(chunks: readonly Chunk[]): number {
  const at = chunks.findIndex(({ text }, i) => i >= 4 && text.trim() !== "" && chunks[i + 1]?.text.trim());
  return chunks.slice(0, at + 1).reduce((length, { text }) => length + text.length, 0);
}

t.test("a stop string across a token border ends the answer before it", async (t) => {
  const plain = await streamed({});
  t.equal(plain.text, plain.result.text, "the pieces are the text");
  const border = tokenBorder(plain.chunks);
  const stop = plain.text.slice(border - 1, border + 1);
  const expected = plain.text.slice(0, plain.text.indexOf(stop));
  for (const option of [stop, [`${stop} never`, stop], [stop, plain.text.slice(border, border + 8)]]) {
    const { text, result, chunks } = await streamed({ stop: option });
    t.equal(result.text, expected);
    t.equal(text, expected, "nothing of the stop string was shown");
    t.equal(result.finishReason, "stop");
    t.same(
      result.tokens,
      plain.result.tokens.slice(0, result.tokens.length),
      "the tokens of the greedy answer",
    );
    t.equal(chunks.flatMap(({ tokens }) => tokens).length, result.tokens.length);
    t.ok(result.tokens.length < plain.result.tokens.length, "the engine stopped");
  }
});

t.test("what only began a stop string is shown in the end", async (t) => {
  const plain = await streamed({});
  for (const length of [1, 3, plain.text.length]) {
    const { text, result } = await streamed({ stop: `${plain.text.slice(-length)}\u0000` });
    t.equal(text, plain.text);
    t.equal(result.text, plain.text);
    t.equal(result.finishReason, "length");
  }
});

t.test("each chunk extends the text and never takes back", async (t) => {
  const plain = await streamed({});
  const stop = plain.text.slice(10, 14);
  const generation = model.generate(request({ stop }));
  const end = plain.text.indexOf(stop);
  let shown = "";
  for await (const { text } of generation) {
    shown += text;
    t.ok(plain.text.slice(0, end).startsWith(shown));
  }
});

t.test("minTokens holds off stop strings too", async (t) => {
  const plain = await streamed({});
  const stop = plain.text.slice(0, 1);
  t.equal((await generate({ stop })).text, "");
  const late = await generate({ stop, minTokens: 12 });
  t.ok(late.tokens.length >= 12);
  t.ok(plain.text.startsWith(late.text));
});

t.test("logprobs are those of the model's own distribution", async (t) => {
  const all = await generate({ maxTokens: 4, logprobs: vocabulary });
  t.equal(all.logprobs!.length, 4);
  for (const [i, { token, logprob, top }] of all.logprobs!.entries()) {
    t.equal(token, all.tokens[i]);
    t.equal(top.length, vocabulary);
    const sum = top.reduce((total, each) => total + Math.exp(each.logprob), 0);
    t.ok(Math.abs(sum - 1) < 1e-5, `probabilities sum to ${sum}`);
    t.same(top[0], { token, logprob }, "greedy takes the likeliest");
    t.ok(
      top.every((each, k) => k === 0 || each.logprob <= top[k - 1]!.logprob),
      "likeliest first",
    );
  }
  const { chunks, result } = await streamed({ maxTokens: 4, logprobs: 3, temperature: 5, seed: 1 });
  t.same(result.logprobs![0]!.top, all.logprobs![0]!.top.slice(0, 3), "whatever the temperature");
  t.same(
    chunks.flatMap(({ logprobs = [] }) => logprobs),
    result.logprobs,
  );
  const bare = await generate({ maxTokens: 2, logprobs: true });
  t.same(
    bare.logprobs!.map(({ top }) => top),
    [[], []],
  );
  t.notOk("logprobs" in (await generate({ maxTokens: 2 })));
  t.notOk("logprobs" in (await generate({ maxTokens: 2, logprobs: false })));
});

t.test("usage and timings add up", async (t) => {
  const { prompt, images, prompt_ids: ids } = goldenCase("cabs-new");
  const { usage, timings, tokens } = await model.generate({ prompt, images, maxTokens: 16, ignoreEos: true })
    .result;
  t.equal(usage.promptTokens, ids.length);
  t.equal(usage.imageTokens, 9);
  t.equal(usage.completionTokens, tokens.length);
  for (const [name, value] of Object.entries(timings)) {
    t.ok(Number.isFinite(value) && value >= 0, `${name} is ${value}`);
  }
  t.ok(timings.encodeMs > 0 && timings.prefillMs > 0 && timings.decodeMs > 0 && timings.tokensPerSecond > 0);
});
