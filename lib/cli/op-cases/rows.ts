import type { Matrix } from "../../ops/index.js";
import { FLOATS, type Maker, type OpCase } from "./case.js";

/** An operation on matrices [rows, cols] that reads or writes `passes` of them. */
function pass(
  rows: number,
  cols: number,
  passes: number,
  prepare: (make: Maker, x: Matrix, rows: number, cols: number) => () => Matrix,
): OpCase {
  return {
    sizes: { rows, cols },
    dtypes: FLOATS,
    dtypeOf: "matrices",
    prepare(make, sizes) {
      const run = prepare(make, make.matrix(sizes.rows!, sizes.cols!), sizes.rows!, sizes.cols!);
      return () => run().data;
    },
    work: (sizes, { matrix }) => ({ bytes: passes * sizes.rows! * sizes.cols! * matrix, flops: {} }),
  };
}

/** Norms, activations and what else goes over rows once. */
export const ROWS: Record<string, OpCase> = {
  layer_norm: pass(257, 1024, 2, (make, x, _, cols) => {
    const [weight, bias] = [make.values(cols), make.values(cols)];
    return () => make.ops.layerNorm(x, weight, bias);
  }),
  layer_norm_silu: pass(576, 1024, 2, (make, x, _, cols) => {
    const [weight, bias] = [make.values(cols), make.values(cols)];
    return () => make.ops.layerNormSilu(x, weight, bias);
  }),
  add_layer_norm: pass(144, 1024, 3, (make, x, rows, cols) => {
    const residual = make.matrix(rows, cols);
    const [weight, bias] = [make.values(cols), make.values(cols)];
    return () => make.ops.addLayerNorm(x, residual, weight, bias);
  }),
  rms_norm: pass(144, 2048, 2, (make, x, _, cols) => {
    const weight = make.values(cols);
    return () => make.ops.rmsNorm(x, weight);
  }),
  // CLIP's.
  activate: pass(257, 4096, 2, (make, x) => () => make.ops.activate("quick_gelu", x)),
  silu_mul: pass(144, 5632, 3, (make, _, rows, cols) => {
    const both = make.matrix(rows, 2 * cols);
    return () => make.ops.siluMul(both);
  }),
  add: pass(257, 1024, 3, (make, x, rows, cols) => {
    const y = make.matrix(rows, cols);
    return () => make.ops.add(x, y);
  }),
  add_silu: pass(576, 1024, 3, (make, x, rows, cols) => {
    const residual = make.matrix(rows, cols);
    return () => make.ops.addSilu(x, residual);
  }),
  copy: pass(257, 1024, 2, (make, x) => () => make.ops.copy(x)),
  gather_rows: pass(144, 2048, 2, (make, x, rows) => {
    const picked = make.integers(rows, rows);
    return () => make.ops.gatherRows(x, picked);
  }),
};
