import type { FloatDtype } from "../../ops/index.js";
import { FLOATS, type OpCase } from "./case.js";

const PRODUCT = {
  sizes: { rows: 144, in: 2048, out: 5632 },
  dtypes: ["f32", "bf16", "f16", "int8", "int4", "fp8"],
  dtypeOf: "weights",
} as const satisfies Partial<OpCase>;

/** Products with weights, and rows of tables. */
export const PRODUCTS: Record<string, OpCase> = {
  linear: {
    ...PRODUCT,
    prepare(make, { rows, in: inputs, out }) {
      const [x, w] = [make.matrix(rows!, inputs!), make.weight(out!, inputs!)];
      return () => make.ops.linear(x, w).data;
    },
    work: ({ rows, in: inputs, out }, { matrix, kept, dtype }) => ({
      bytes: out! * inputs! * kept + rows! * (inputs! + out!) * matrix,
      flops: { [dtype]: 2 * rows! * inputs! * out! },
    }),
  },
  linear_add: {
    ...PRODUCT,
    prepare(make, { rows, in: inputs, out }) {
      const [x, w, y] = [make.matrix(rows!, inputs!), make.weight(out!, inputs!), make.matrix(rows!, out!)];
      return () => make.ops.linearAdd(x, w, y).data;
    },
    work: ({ rows, in: inputs, out }, { matrix, kept, dtype }) => ({
      bytes: out! * inputs! * kept + rows! * (inputs! + 2 * out!) * matrix,
      flops: { [dtype]: 2 * rows! * inputs! * out! },
    }),
  },
  embed: {
    sizes: { rows: 144, cols: 2048, vocabulary: 32000 },
    dtypes: FLOATS,
    dtypeOf: "weights",
    prepare(make, { rows, cols, vocabulary }) {
      const table = make.ops.table(
        make.values(vocabulary! * cols!),
        [vocabulary!, cols!],
        make.dtype as FloatDtype,
      );
      const ids = make.integers(rows!, vocabulary!);
      return () => make.ops.embed(table, ids, make.matrixDtype).data;
    },
    work: ({ rows, cols }, { matrix, kept }) => ({ bytes: rows! * cols! * (kept + matrix), flops: {} }),
  },
};
