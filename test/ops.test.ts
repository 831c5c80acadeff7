// Each operation of honeybee/ops against the plain loop of its definition.
import t from "tap";
import {
  type Activation,
  devices,
  type FloatDtype,
  type Matrix,
  type Ops,
  openOps,
} from "../lib/ops/index.js";
import { relativeError } from "./support/golden-model.js";
import { Random } from "./support/mutate.js";
import * as reference from "./support/reference-ops.js";

const BITS = { f32: 24, bf16: 8, f16: 11 } as const;
const EPS = 1e-5;

const random = new Random(7);
const values = (count: number, scale = 2) =>
  Float32Array.from({ length: count }, () => (random.next() - 0.5) * 2 * scale);
const rounded = (dtype: FloatDtype, x: ArrayLike<number>) =>
  dtype === "f32" ? Float32Array.from(x) : Float32Array.from(x, (v) => reference.roundTo(BITS[dtype], v));
/** The CPU, with its plainest kernels too; the native tests run every operation on the other devices. */
const places = devices()
  .filter(({ name }) => name === "cpu")
  .flatMap(({ name, isas }) => [undefined, ...isas.slice(0, 1)].map((isa) => ({ device: name, isa })));

type Check = (name: string, actual: Matrix, shape: [rows: number, cols: number], expected: number[]) => void;
type Make = (rows: number, cols: number) => Matrix;

/** Runs a test on each place, in each dtype of its matrices. */
function onEach(name: string, body: (ops: Ops, check: Check, make: Make, dtype: FloatDtype) => void): void {
  t.test(name, async (t) => {
    for (const { device, isa } of places) {
      const ops = await openOps({ device, isa, threads: 2 });
      for (const dtype of ops.info.dtypes) {
        const where = `${device} ${isa ?? "default"} ${dtype}`;
        const tolerance = dtype === "f32" ? 2e-6 : 2 ** (2 - BITS[dtype]);
        const check: Check = (what, actual, [rows, cols], expected) => {
          t.same([actual.rows, actual.cols, actual.dtype], [rows, cols, dtype], `${what}: shape, ${where}`);
          const error = relativeError(actual.data, expected);
          t.ok(error <= tolerance, `${what}: ${where}: error ${error}`);
        };
        const make: Make = (rows, cols) => ({ data: rounded(dtype, values(rows * cols)), rows, cols, dtype });
        body(ops, check, make, dtype);
      }
      ops.dispose();
    }
  });
}

onEach("linear and linearAdd", (ops, check, make) => {
  const [inner, out] = [70, 33];
  for (const weights of ["f32", "bf16", "f16"] as const) {
    for (const rows of [1, 5]) {
      const made = make(rows, inner);
      // Values of bf16, which its products may round to: a single row keeps its own on some devices.
      const x = weights === "bf16" ? { ...made, data: rounded("bf16", made.data) } : made;
      const y = make(rows, out);
      const [w, bias] = [values(out * inner), values(out)];
      const weight = ops.weight(w, [out, inner], weights);
      const product = reference.linear(x.data, rounded(weights, w), inner);
      const biased = product.map((v, i) => v + bias[i % out]!);
      check(`linear ${weights}`, ops.linear(x, weight), [rows, out], product);
      check(`linear ${weights} with bias`, ops.linear(x, weight, bias), [rows, out], biased);
      const sum = (values: number[]) => values.map((v, i) => v + y.data[i]!);
      check(`linearAdd ${weights}`, ops.linearAdd(x, weight, y), [rows, out], sum(product));
      check(`linearAdd ${weights} with bias`, ops.linearAdd(x, weight, y, bias), [rows, out], sum(biased));
      weight.dispose();
    }
  }
});

onEach("embed, from a table and from a weight", (ops, check, _make, dtype) => {
  const [rows, cols] = [10, 12];
  const data = values(rows * cols);
  const ids = Int32Array.of(9, 0, 3, 3, -1, 10);
  for (const stored of ["f32", "bf16", "f16"] as const) {
    const table = rounded(stored, data);
    const expected = [...ids].flatMap((id) =>
      Array.from({ length: cols }, (_, c) => (id < 0 || id >= rows ? 0 : table[id * cols + c]!)),
    );
    for (const make of ["table", "weight"] as const) {
      const weight = ops[make](data, [rows, cols], stored);
      check(`${make} ${stored}`, ops.embed(weight, ids, dtype), [ids.length, cols], expected);
    }
  }
});

onEach("norms", (ops, check, make) => {
  const [rows, cols] = [3, 41];
  const [x, residual] = [make(rows, cols), make(rows, cols)];
  const [weight, bias] = [values(cols), values(cols)];
  const norm = (v: ArrayLike<number>) => reference.layerNorm(v, weight, bias, EPS);
  const sum = Array.from(x.data, (v, i) => v + residual.data[i]!);
  const shape: [number, number] = [rows, cols];
  check("layerNorm", ops.layerNorm(x, weight, bias, EPS), shape, norm(x.data));
  check("layerNorm by default", ops.layerNorm(x, weight, bias), shape, norm(x.data));
  check("layerNormSilu", ops.layerNormSilu(x, weight, bias, EPS), shape, norm(x.data).map(reference.silu));
  check("addLayerNorm", ops.addLayerNorm(x, residual, weight, bias, EPS), shape, norm(sum));
  check("rmsNorm", ops.rmsNorm(x, weight, 0.5), shape, reference.rmsNorm(x.data, weight, 0.5));
});

onEach("element by element", (ops, check, make) => {
  const [rows, cols] = [4, 22];
  const [x, other] = [make(rows, cols), make(rows, cols)];
  const shape: [number, number] = [rows, cols];
  for (const [name, f] of Object.entries(reference.ACTIVATIONS)) {
    check(name, ops.activate(name as Activation, x), shape, Array.from(x.data, f));
  }
  const gated = Array.from({ length: (rows * cols) / 2 }, (_, i) => {
    const at = Math.floor(i / 11) * cols + (i % 11);
    return reference.silu(x.data[at]!) * x.data[at + 11]!;
  });
  check("siluMul", ops.siluMul(x), [rows, cols / 2], gated);
  const sum = Array.from(x.data, (v, i) => v + other.data[i]!);
  check("add", ops.add(x, other), shape, sum);
  check("addSilu", ops.addSilu(x, other), shape, sum.map(reference.silu));
  const row = make(1, cols);
  check(
    "add of one row",
    ops.add(row, x),
    shape,
    Array.from(x.data, (v, i) => v + row.data[i % cols]!),
  );
  check("copy", ops.copy(x), shape, [...x.data]);
  const picked = [3, 3, -1, 0, 4];
  const expected = picked.flatMap((r) => Array.from({ length: cols }, (_, c) => x.data[r * cols + c] ?? 0));
  check("gatherRows", ops.gatherRows(x, Int32Array.from(picked)), [5, cols], expected);
});

t.test("matrices are rounded to their dtype on the way to the device", async (t) => {
  const ops = await openOps();
  const data = values(100);
  for (const dtype of ["f32", "bf16", "f16"] as const) {
    const y = ops.copy({ data, rows: 10, cols: 10, dtype }, "f32");
    t.same(y.data, rounded(dtype, data), dtype);
    t.same(ops.copy({ data, rows: 10, cols: 10 }, dtype).data, rounded(dtype, data), `${dtype} and back`);
  }
  ops.dispose();
});

onEach("attention", (ops, check, make) => {
  const [batch, heads, dim, queries, keys] = [2, 3, 20, 3, 37];
  const q = make(batch * queries, heads * dim);
  const [k, v] = [make(batch * keys, heads * dim), make(batch * keys, heads * dim)];
  const expected = (scale: number, batch: number) =>
    reference.attention(q.data, k.data, v.data, { batch, heads, dim, scale });
  const shape: [number, number] = [batch * queries, heads * dim];
  check("with defaults", ops.attention(q, k, v, { heads }), shape, expected(1 / Math.sqrt(dim), 1));
  check("of two", ops.attention(q, k, v, { batch, heads, scale: 0.1 }), shape, expected(0.1, batch));
});

onEach("images and grids", (ops, check, make, dtype) => {
  const mean = [0.48, 0.46, 0.41];
  const std = [0.27, 0.26, 0.28];
  const rgb = Uint8Array.from({ length: 2 * 12 * 12 * 3 }, () => random.below(256));
  const patches = ops.patchify(rgb, { imageSize: 12, patch: 4, mean, std, dtype });
  check("patchify", patches, [18, 48], reference.patchify(rgb, 12, 4, mean, std));

  const [from, channels] = [{ height: 5, width: 7 }, 6];
  const cells = from.height * from.width;
  const x = make(2 * cells, channels);
  const weight = { data: values(9 * channels), rows: 9, cols: channels };
  const convolved = reference.depthwiseConv3x3(x.data, weight.data, from, channels);
  check("depthwiseConv3x3", ops.depthwiseConv3x3(x, weight, from), [2 * cells, channels], convolved);

  const means = reference.adaptiveAvgPool(x.data, from, { height: 1, width: 1 }, channels);
  check("meanRows", ops.meanRows(x, 2), [2, channels], means);
  for (const to of [
    { height: 3, width: 3 },
    { height: 6, width: 9 },
  ]) {
    const pooled = reference.adaptiveAvgPool(x.data, from, to, channels);
    const size = to.height * to.width;
    check(`pool to ${size}`, ops.adaptiveAvgPool(x, from, to), [2 * size, channels], pooled);
  }
  const gate = make(2, channels);
  const gated = Array.from(x.data, (v, i) => {
    const item = Math.floor(i / channels / cells);
    return v * reference.sigmoid(gate.data[item * channels + (i % channels)]!);
  });
  check("gateChannels", ops.gateChannels(gate, x), [2 * cells, channels], gated);
});

t.test("deformableSample", async (t) => {
  const levels = [
    { height: 4, width: 5 },
    { height: 2, width: 3 },
  ];
  const [batch, heads, points, dim, queries] = [2, 2, 3, 8, 5];
  const samples = heads * levels.length * points;
  const make = (rows: number, cols: number) => ({ data: values(rows * cols), rows, cols });
  const value = make(batch * 26, heads * dim);
  const [offsets, logits] = [make(batch * queries, samples * 2), make(batch * queries, samples)];
  const centres = {
    data: values(queries * 2)
      .map(Math.abs)
      .map((v) => v / 2),
    rows: queries,
    cols: 2,
  };
  const shape = { batch, heads, points, levels };
  const args = [value.data, offsets.data, logits.data, centres.data] as const;
  const expected = reference.deformableSample(...args, { ...shape, dim });
  for (const place of places) {
    const ops = await openOps(place);
    const y = ops.deformableSample(value, offsets, logits, centres, shape);
    t.same([y.rows, y.cols], [batch * queries, heads * dim]);
    t.ok(relativeError(y.data, expected) < 2e-6, `${place.device} ${place.isa ?? "default"}`);
    ops.dispose();
  }
});
