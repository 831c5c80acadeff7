// Log-probabilities of prompts: those of the reference's logits, however the prompt is cut and whatever ran before.
import t from "tap";
import type { GenerationResult } from "../lib/index.js";
import { goldenCase, loadGolden } from "./support/golden-model.js";
import { loadTensors } from "./support/safetensors.js";

const TOP = 3;

/** log softmax of a row of logits [V], in double precision. */
function logSoftmax(logits: ArrayLike<number>): number[] {
  const row = Array.from(logits);
  const largest = Math.max(...row);
  const shift = largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  return row.map((logit) => logit - shift);
}

for (const device of ["cpu", "simt"]) {
  t.test(`${device}: as in the reference's logits`, async (t) => {
    const golden = goldenCase("cabs-new");
    const { data: values, shape } = loadTensors(golden.trace).get("llm.logits")!;
    const data = values as Float32Array;
    const vocabulary = shape.at(-1)!;
    const model = await loadGolden("cabs-new", { device });
    const { prompt, images = [] } = golden;
    const ask = async (options: object): Promise<GenerationResult> =>
      model.generate({ prompt, images, maxTokens: 1, ...options }).result;

    await ask({});
    const known = await ask({});
    t.ok(known.usage.cachedTokens > 0, "the prompt is in the prefix cache");
    t.notOk("promptLogprobs" in known);
    const result = await ask({ promptLogprobs: TOP, maxTokens: 0 });
    t.same(result.tokens, []);
    t.equal(result.usage.cachedTokens, 0, "and yet computed whole");
    const found = result.promptLogprobs!;
    t.equal(found.length, result.usage.promptTokens);
    t.equal(found.length * vocabulary, data.length);
    t.same(
      found.map(({ token }) => token),
      golden.prompt_ids,
    );
    t.equal(found.filter(({ logprob }) => logprob === null).length, 1 + result.usage.imageTokens);
    t.same(found[0], { token: golden.prompt_ids[0], logprob: null, top: [] });

    // The bound of the goldens' logits, on both sides of the difference that a log-probability is.
    const bound = 2e-4 * data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (const [p, { token, logprob, top }] of found.entries()) {
      if (logprob === null) continue;
      const expected = logSoftmax(data.subarray((p - 1) * vocabulary, p * vocabulary));
      const likeliest = expected.toSorted((a, b) => b - a).slice(0, TOP);
      const isClose =
        Math.abs(logprob - expected[token]!) <= bound &&
        top.length === TOP &&
        top.every(
          (other, i) =>
            Math.abs(other.logprob - likeliest[i]!) <= bound &&
            Math.abs(other.logprob - expected[other.token]!) <= bound,
        );
      t.ok(isClose, `position ${p}`);
    }

    const beside = await Promise.all([
      ask({ promptLogprobs: TOP, n: 2, temperature: 1, maxTokens: 4 }),
      ask({ promptLogprobs: true, promptLookup: 4, maxTokens: 4 }),
      ask({ maxTokens: 4 }),
    ]);
    if (device === "cpu") t.same(beside[0]!.promptLogprobs, found, "the same beside others");
    t.same(
      beside[1]!.promptLogprobs!.map(({ token }) => token),
      golden.prompt_ids,
    );
    t.ok(beside[1]!.promptLogprobs!.every(({ top }) => top.length === 0));
    t.notOk("promptLogprobs" in beside[2]!);
    await t.rejects(ask({ promptLogprobs: -1 }), { code: "ERR_OPTION", message: /promptLogprobs/ });
    await t.rejects(ask({ promptLogprobs: 1, beams: 2 }), { code: "ERR_OPTION", message: /promptLogprobs/ });
    await model.dispose();
  });
}
