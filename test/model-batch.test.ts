// The padded batch of the reference: its three rows, run at once, give the same tokens and the same logits.
import t from "tap";
import type { Generation } from "../lib/index.js";
import { goldenCase, loadGolden, relativeError } from "./support/golden-model.js";
import { loadTensors } from "./support/safetensors.js";

const TOLERANCE = 1e-4;

interface BatchCase {
  trace: string;
  rows: { prompt: string; images: string[] }[];
  generate_ids: number[][];
  max_new_tokens: number;
}

/** Natural logarithm of the softmax, in double precision. */
function logSoftmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const largest = Math.max(...values);
  const sum = values.reduce((total, value) => total + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(sum));
}

/** Runs generations together; tells in which order their tokens came. */
async function drain(generations: readonly Generation[]): Promise<number[]> {
  const order: number[] = [];
  await Promise.all(
    generations.map(async (generation, row) => {
      for await (const { tokens } of generation) for (const _ of tokens) order.push(row);
    }),
  );
  return order;
}

for (const name of ["cabs-new", "dabs-query"]) {
  t.test(name, async (t) => {
    const golden = goldenCase<BatchCase>(name, "case-batch.json");
    const { shape, data } = loadTensors(golden.trace).get("generate.logits")!;
    const [rows, steps, vocabulary] = shape as [number, number, number];
    const model = await loadGolden(name);
    const generations = golden.rows.map((row) =>
      model.generate({ ...row, maxTokens: golden.max_new_tokens, ignoreEos: true, logprobs: vocabulary }),
    );
    const order = await drain(generations);
    const lastOfFirst = order.lastIndexOf(0);
    for (let row = 1; row < rows; row++)
      t.ok(order.indexOf(row) < lastOfFirst, `row ${row} runs beside row 0`);
    for (const [row, generation] of generations.entries()) {
      const { tokens, logprobs } = await generation.result;
      t.same(tokens, golden.generate_ids[row], `row ${row}: greedy tokens`);
      for (let step = 0; step < steps; step++) {
        const at = (row * steps + step) * vocabulary;
        const actual = new Float64Array(vocabulary);
        for (const { token, logprob } of logprobs![step]!.top) actual[token] = logprob;
        const error = relativeError(actual, logSoftmax(data.subarray(at, at + vocabulary)));
        t.ok(
          error <= TOLERANCE,
          `row ${row}, step ${step}: log-probabilities off by ${error.toExponential(2)}`,
        );
      }
    }
    await model.dispose();
  });
}
