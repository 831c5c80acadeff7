// The padded batch of the reference: its three rows, run together, give the same tokens and the same logits. That requests
// which wait together share their steps is shown in native/engine.test.cpp.
import t from "tap";
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

for (const name of ["cabs-new", "dabs-query"]) {
  t.test(name, async (t) => {
    const golden = goldenCase<BatchCase>(name, "case-batch.json");
    const { shape, data } = loadTensors(golden.trace).get("generate.logits")!;
    const [rows, steps, vocabulary] = shape as [number, number, number];
    const model = await loadGolden(name);
    // Encoded first, so that nothing keeps a row from the engine while another runs.
    const images = await Promise.all(
      golden.rows.map((row) => Promise.all(row.images.map((image) => model.encodeImage(image)))),
    );
    const results = await Promise.all(
      golden.rows.map(({ prompt }, row) => {
        const options = { maxTokens: golden.max_new_tokens, ignoreEos: true, logprobs: vocabulary };
        return model.generate({ prompt, images: images[row], ...options }).result;
      }),
    );
    t.equal(results.length, rows);
    for (const [row, { tokens, logprobs }] of results.entries()) {
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
