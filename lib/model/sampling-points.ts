import type { ModelConfig } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import type { TraceTensor } from "../native.js";

/** Where each query of a D-Abstractor looks. */
export interface SamplingPoints {
  /**
   * x and y as parts of the square that the model was shown, from its upper left corner (points may lie outside), and the
   * weight of what is there; the weights of a query add up to 1.
   */
  readonly data: Float32Array;
  /** [visual tokens, points of a query, 3] */
  readonly shape: readonly [number, number, 3];
}

/** @throws HoneybeeError ERR_OPTION if the model has no D-Abstractor */
export function checkSamples({ projector }: ModelConfig): void {
  if (projector?.type === "d-abs") return;
  throw new HoneybeeError(
    "ERR_OPTION",
    `only a D-Abstractor samples at points; the projector of this model is ${projector?.type ?? "none"}`,
  );
}

/**
 * The points of the last layer (Zhu et al. 2021, equation 3): reference point + offset, weighted by the softmax over the
 * points of a head, and each head counts the same. Offsets are in cells of the feature grid.
 *
 * @param trace reference points of one image's encoding
 * @param gridSide cells of the feature grid, along a side
 */
export function samplingPoints(trace: readonly TraceTensor[], gridSide: number): SamplingPoints {
  const last = (suffix: string) => trace.findLast(({ name }) => name.endsWith(suffix))!;
  const { values: offsets, shape } = last(".sampling_offsets");
  const { values: logits } = last(".sampling_logits");
  const { values: reference } = last("projector.reference_points");
  const [, queries, heads, levels, each] = shape as [number, number, number, number, number];
  const ofHead = levels * each;
  const ofQuery = heads * ofHead;
  const data = new Float32Array(queries * ofQuery * 3);
  for (let point = 0; point < queries * ofQuery; point++) {
    const query = Math.floor(point / ofQuery);
    data[3 * point] = reference[2 * query]! + offsets[2 * point]! / gridSide;
    data[3 * point + 1] = reference[2 * query + 1]! + offsets[2 * point + 1]! / gridSide;
  }
  for (let begin = 0; begin < queries * ofQuery; begin += ofHead) {
    const head = Array.from(logits.subarray(begin, begin + ofHead));
    const most = Math.max(...head);
    const powers = head.map((logit) => Math.exp(logit - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [i, power] of powers.entries()) data[3 * (begin + i) + 2] = power / sum / heads;
  }
  return { data, shape: [queries, ofQuery, 3] };
}
