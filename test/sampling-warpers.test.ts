// warpLogits against golden/generation: the logits processors of transformers 4.38.1 in their order.
import t from "tap";
import { type GenerationOptions, warpLogits } from "../lib/index.js";
import { refused } from "./support/golden-model.js";
import { readJsonl } from "./support/jsonl.js";

interface WarpCase {
  name: string;
  history: number[];
  params: Record<string, number>;
  logits: (number | null)[];
  result: (number | null)[];
  top_p_cuts_a_tie?: boolean;
}

/** One rounding of float32 in each of at most three steps that scale or subtract. */
const ROUNDING = 3 * 2 ** -24;

const cases = readJsonl<WarpCase>("generation", "logits.jsonl");
/** null stands for -inf. */
const floats = (values: readonly (number | null)[]) =>
  Float32Array.from(values, (value) => value ?? Number.NEGATIVE_INFINITY);

/** top_k → topK; the files leave a temperature of 1 out. */
function optionsOf(params: Record<string, number>): GenerationOptions {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return { temperature: 1, ...Object.fromEntries(Object.entries(params).map(([k, v]) => [camel(k), v])) };
}

/** Positions that both, or only one, rule out; and the largest relative difference of the others. */
function compare(actual: Float32Array, expected: Float32Array) {
  let pattern = 0;
  let error = 0;
  for (const [i, value] of expected.entries()) {
    if (Number.isFinite(actual[i]) !== Number.isFinite(value)) pattern++;
    else if (Number.isFinite(value)) {
      error = Math.max(error, Math.abs(actual[i]! - value) / Math.max(Math.abs(value), Number.MIN_VALUE));
    }
  }
  return { pattern, error };
}

t.ok(cases.length > 60, "the golden file is whole");
for (const golden of cases) {
  t.test(golden.name, async (t) => {
    const logits = floats(golden.logits);
    const before = logits.slice();
    const expected = floats(golden.result);
    const warped = warpLogits(logits, golden.history, optionsOf(golden.params));
    t.same(logits, before, "the input is left alone");
    if (golden.top_p_cuts_a_tie) {
      const sorted = (values: Float32Array) => values.slice().sort();
      t.same(sorted(warped), sorted(expected), "equal logits may be cut anywhere");
      t.ok(warped.every((value, i) => value === Number.NEGATIVE_INFINITY || value === logits[i]));
      return;
    }
    const { pattern, error } = compare(warped, expected);
    t.equal(pattern, 0, "the same tokens are ruled out");
    t.ok(error <= ROUNDING, `off by ${error.toExponential(2)}`);
  });
}

t.test("the bias comes before the penalties", async (t) => {
  const warped = warpLogits(Float32Array.of(1, 2, 3), [1], {
    logitBias: { 1: 2, 2: -1 },
    repetitionPenalty: 2,
  });
  t.same(warped, Float32Array.of(1, 2, 2));
  const mapped = warpLogits(Float32Array.of(1, 2, 3), [], { logitBias: new Map([[0, 0.5]]) });
  t.same(mapped, Float32Array.of(1.5, 2, 3), "a Map does as well");
});

t.test("temperature 0 leaves out what sampling alone needs", async (t) => {
  const options = { temperature: 0, topK: 1, topP: 0.1, minP: 1, presencePenalty: 1 };
  t.same(warpLogits(Float32Array.of(3, 2, 1), [0], options), Float32Array.of(2, 2, 1));
});

t.test("what cannot be warped is refused", async (t) => {
  await refused(t, () => warpLogits([1, 2] as unknown as Float32Array, []), "ERR_OPTION", "Float32Array");
  await refused(t, () => warpLogits(Float32Array.of(1), [], { topK: -1 }), "ERR_OPTION", "topK", "-1");
  const misspelled = { topk: 1 } as GenerationOptions;
  await refused(t, () => warpLogits(Float32Array.of(1), [], misspelled), "ERR_OPTION", '"topk"', '"topK"');
});
