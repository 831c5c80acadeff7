import type { OpCase } from "./case.js";

/** Logits are f32 on every device. */
const LOGITS = { dtypes: ["f32"], dtypeOf: "matrices" } as const satisfies Partial<OpCase>;

/** Choosing tokens. */
export const TOKENS: Record<string, OpCase> = {
  sample: {
    sizes: { rows: 1, vocabulary: 32000, topK: 50 },
    ...LOGITS,
    prepare(make, { rows, vocabulary, topK }) {
      const logits = make.matrix(rows!, vocabulary!, "f32");
      const options = Array.from({ length: rows! }, (_, seed) => ({
        temperature: 0.8,
        topK: topK!,
        topP: 0.95,
        seed,
      }));
      return () => make.ops.sample(logits, options);
    },
    work: ({ rows, vocabulary }) => ({ bytes: 4 * rows! * (vocabulary! + 1), flops: {} }),
  },
  token_logprobs: {
    sizes: { rows: 1, vocabulary: 32000, top: 5 },
    ...LOGITS,
    prepare(make, { rows, vocabulary, top }) {
      const logits = make.matrix(rows!, vocabulary!, "f32");
      const tokens = make.integers(rows!, vocabulary!);
      return () => {
        const { logprobs, topLogprobs } = make.ops.tokenLogprobs(logits, tokens, top!);
        return Float32Array.of(...logprobs, ...topLogprobs);
      };
    },
    work: ({ rows, vocabulary, top }) => ({ bytes: 4 * rows! * (vocabulary! + 2 + 2 * top!), flops: {} }),
  },
};
