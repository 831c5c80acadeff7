// What is drawn: the same with the same seed wherever and beside whatever it runs, and by the model's distribution.
import t from "tap";
import type { GenerationOptions, Model } from "../lib/index.js";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";

const vocabulary = 640;

let model: Model;
t.before(async () => {
  model = await loadGolden("cabs-new");
});
t.teardown(() => model.dispose());

const generate = (options: GenerationOptions) =>
  model.generate({ prompt: SHORT_PROMPT, maxTokens: 24, ignoreEos: true, ...options }).result;

/** log p of every token that may come first. */
async function firstLogprobs(): Promise<Float64Array> {
  const { logprobs } = await generate({ maxTokens: 1, logprobs: vocabulary });
  const all = new Float64Array(vocabulary);
  for (const { token, logprob } of logprobs![0]!.top) all[token] = logprob;
  return all;
}

t.test("a seed means one answer, alone and among others", async (t) => {
  const options = { temperature: 1.2, seed: 7 };
  const alone = await generate(options);
  const others = [1, 2, 3, 4, 5].map((seed) => generate({ temperature: 0.9, seed, maxTokens: 40 }));
  const among = await generate(options);
  t.same(among.tokens, alone.tokens);
  const different = new Set((await Promise.all(others)).map(({ tokens }) => tokens.join()));
  t.equal(different.size, 5, "other seeds give other answers");
});

t.test("the first of n answers is the one that n = 1 gives, the others are its siblings", async (t) => {
  const options = { temperature: 1.2, seed: 11 };
  const [one, many] = await Promise.all([generate(options), generate({ ...options, n: 4 })]);
  t.equal(many.choices.length, 4);
  t.same(
    many.choices.map(({ index }) => index),
    [0, 1, 2, 3],
  );
  t.same(many.tokens, one.tokens);
  t.same(many.choices[0]!.tokens, one.tokens);
  t.equal(new Set(many.choices.map(({ tokens }) => tokens.join())).size, 4);
  t.equal(many.usage.completionTokens, 4 * 24);
  t.equal(many.usage.promptTokens, one.usage.promptTokens, "the prompt counts once");
  t.same((await generate({ ...options, n: 4 })).choices, many.choices, "and again");
});

t.test("without a seed answers differ", async (t) => {
  const [a, b] = await Promise.all([generate({ temperature: 1 }), generate({ temperature: 1 })]);
  t.notSame(a.tokens, b.tokens);
});

t.test("greedy unless a sampling option is given", async (t) => {
  const greedy = (await generate({})).tokens;
  const greedyOptions: GenerationOptions[] = [
    { temperature: 0 },
    { temperature: 0, topK: 50, seed: 3 },
    { topK: 1 },
    { topP: 0 },
    { temperature: 1, minP: 1 },
  ];
  for (const options of greedyOptions) {
    t.same((await generate(options)).tokens, greedy, JSON.stringify(options));
  }
  for (const options of [{ seed: 1 }, { topP: 1, seed: 1 }, { topK: 0, seed: 1 }, { minP: 0, seed: 1 }]) {
    const sampled = (await generate(options)).tokens;
    t.notSame(sampled, greedy, `${JSON.stringify(options)} samples at temperature 1`);
    t.same(sampled, (await generate({ temperature: 1, seed: 1 })).tokens);
  }
});

/**
 * Pearson's chi-square of counts against probabilities, tokens expected less than five times pooled.
 *
 * @returns the statistic in standard deviations above its mean (degrees of freedom)
 */
function chiSquareDeviations(counts: Float64Array, probabilities: Float64Array, draws: number): number {
  const bins: [observed: number, expected: number][] = [];
  const rare: [number, number] = [0, 0];
  for (const [token, probability] of probabilities.entries()) {
    const expected = probability * draws;
    if (expected >= 5) bins.push([counts[token]!, expected]);
    else {
      rare[0] += counts[token]!;
      rare[1] += expected;
    }
  }
  if (rare[1] >= 5) bins.push(rare);
  const statistic = bins.reduce(
    (sum, [observed, expected]) => sum + (observed - expected) ** 2 / expected,
    0,
  );
  const freedom = bins.length - 1;
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}

t.test("draws follow the softmax", async (t) => {
  const logprobs = await firstLogprobs();
  for (const temperature of [1, 0.6]) {
    const weights = logprobs.map((logprob) => Math.exp(logprob / temperature));
    const sum = weights.reduce((a, b) => a + b);
    const counts = new Float64Array(vocabulary);
    const rounds = 24;
    for (let seed = 0; seed < rounds; seed++) {
      const { choices } = await generate({ temperature, seed, n: 128, maxTokens: 1 });
      for (const { tokens } of choices) counts[tokens[0]!]!++;
    }
    const probabilities = weights.map((weight) => weight / sum);
    const deviations = chiSquareDeviations(counts, probabilities, rounds * 128);
    t.ok(
      Math.abs(deviations) < 4,
      `temperature ${temperature}: ${deviations.toFixed(2)} standard deviations`,
    );
    const uniform = new Float64Array(vocabulary).fill(1 / vocabulary);
    t.ok(chiSquareDeviations(counts, uniform, rounds * 128) > 10, "a wrong distribution would show");
  }
});

t.test("top-k and min-p are never left", async (t) => {
  const logprobs = await firstLogprobs();
  const ranked = [...logprobs.keys()].sort((a, b) => logprobs[b]! - logprobs[a]!);
  const allowed = new Set(ranked.slice(0, 5));
  const { choices } = await generate({ topK: 5, temperature: 2, seed: 5, n: 128, maxTokens: 1 });
  t.ok(choices.every(({ tokens }) => allowed.has(tokens[0]!)));
  t.equal(new Set(choices.map(({ tokens }) => tokens[0])).size, 5, "all five occur");
  const least = logprobs[ranked[0]!]! + Math.log(0.2);
  const likely = await generate({ minP: 0.2, seed: 5, n: 128, maxTokens: 1 });
  t.ok(likely.choices.every(({ tokens }) => logprobs[tokens[0]!]! >= least - 1e-5));
});
