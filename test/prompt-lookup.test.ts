// Guesses may save steps and nothing else: answers, log-probabilities and ends are those of plain decoding.
import t from "tap";
import type { GenerationOptions, GenerationResult } from "../lib/index.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";

interface Case {
  prompt: string;
  images: string[];
}

// Random weights hardly repeat themselves: a bias makes them speak of three tokens.
const logitBias = { 300: 40, 301: 40, 302: 40 };
const REQUESTS: GenerationOptions[] = [
  { ignoreEos: true, logprobs: 3 },
  { logitBias, logprobs: 3 },
  { logitBias, temperature: 0.8, seed: 4, n: 3 },
  { logitBias: { ...logitBias, 2: 40 }, temperature: 1, topP: 0.9, seed: 1 },
  { logitBias: { ...logitBias, 2: 40 }, minTokens: 30, temperature: 1.5, seed: 3 },
  { logitBias, repetitionPenalty: 1.05, presencePenalty: 0.1, frequencyPenalty: 0.2 },
  { logitBias, noRepeatNgramSize: 4 },
  { beams: 2, ignoreEos: true },
  { responseFormat: { type: "regex", regex: "(ab){6}" } },
];

const told = (result: GenerationResult) => ({
  choices: result.choices.map(({ tokens, text, finishReason, logprobs }) => ({
    tokens,
    text,
    finishReason,
    logprobs,
  })),
  completionTokens: result.usage.completionTokens,
});

for (const options of [{ device: "cpu" }, { device: "simt", weights: "bf16", batchInvariant: true }]) {
  t.test(`${options.device}: the same answers in fewer steps`, async (t) => {
    const golden = goldenCase<Case>("cabs-new", "case.json");
    const model = await loadGolden("cabs-new", options);
    const requests = options.device === "cpu" ? REQUESTS : REQUESTS.slice(0, 3);
    const ask = async (promptLookup: number, request: GenerationOptions) => {
      const before = model.stats();
      const { prompt, images } = golden;
      const result = await model.generate({ prompt, images, maxTokens: 48, promptLookup, ...request }).result;
      const after = model.stats();
      return {
        told: told(result),
        steps: after.steps - before.steps,
        drafted: after.draftedTokens - before.draftedTokens,
        accepted: after.acceptedTokens - before.acceptedTokens,
      };
    };
    let saved = 0;
    for (const request of requests) {
      const plain = await ask(0, request);
      const guessed = await ask(8, request);
      const name = JSON.stringify(request);
      t.same(guessed.told, plain.told, name);
      t.same([plain.drafted, plain.accepted], [0, 0]);
      t.ok(guessed.accepted <= guessed.drafted);
      if (request.beams || request.responseFormat) t.equal(guessed.drafted, 0, `${name}: no guesses`);
      if ((request.n ?? 1) === 1) t.equal(plain.steps - guessed.steps, guessed.accepted, `${name}: steps`);
      saved += guessed.accepted;
    }
    t.ok(saved > 0, "some guesses are right");
    await model.dispose();
  });
}

t.test("promptLookup is checked", async (t) => {
  const model = await loadGolden("cabs-new");
  for (const promptLookup of [-1, 65, 0.5])
    await t.rejects(model.generate({ prompt: "a", promptLookup }).result, {
      code: "ERR_OPTION",
      message: /promptLookup/,
    });
  await model.dispose();
});
