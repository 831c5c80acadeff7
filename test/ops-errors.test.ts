// What honeybee/ops refuses: wrong arguments are errors with a code, in words that name the argument, and the ops go on.
import t, { type Test } from "tap";
import { type Matrix, type Ops, openOps } from "../lib/ops/index.js";
import { refused } from "./support/golden-model.js";

const ones = (rows: number, cols: number): Matrix => ({
  data: new Float32Array(rows * cols).fill(1),
  rows,
  cols,
});
const vector = (count: number) => new Float32Array(count).fill(1);
const x = ones(2, 4);
const wrong = (value: unknown) => value as never;

let ops: Ops;
t.before(async () => {
  ops = await openOps({ threads: 1 });
});
t.teardown(() => ops.dispose());

type Refusal = [attempt: () => unknown, ...named: (string | RegExp)[]];

async function refusals(t: Test, list: Refusal[]): Promise<void> {
  for (const [attempt, ...named] of list) await refused(t, attempt, "ERR_OPTION", ...named);
  t.same(ops.add(x, x).data, new Float32Array(8).fill(2), "and the ops go on");
}

t.test("options", async (t) => {
  await refusals(t, [
    [() => openOps({ isa: "sse9" }), '"sse9"', "portable, avx2"],
    [() => openOps({ isa: wrong(5) }), "isa"],
    [() => openOps({ threads: 0 }), "threads", "0"],
    [() => openOps({ threads: 2.5 }), "threads", "2.5"],
    [() => openOps({ threads: Number.NaN }), "threads", "NaN"],
    [() => openOps({ batchInvariant: wrong("no") }), "batchInvariant"],
    [() => openOps(wrong({ treads: 2 })), '"treads"', '"threads"'],
    [() => openOps(wrong(null)), "ops option"],
    [() => openOps({ device: wrong(7) }), "device"],
  ]);
  await refused(t, openOps({ device: "abacus" }), "ERR_DEVICE", '"abacus"', "cpu");
});

t.test("matrices", async (t) => {
  const of = (change: object) => () => ops.copy(wrong({ ...x, ...change }));
  const buffer = new ArrayBuffer(32);
  const detached = new Float32Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  await refusals(t, [
    [() => ops.copy(wrong(undefined)), "copy.x", "object"],
    [() => ops.copy(wrong(vector(4))), "copy.x.rows"],
    [of({ rows: 3 }), "copy.x.data", "8 values", "3 x 4"],
    [of({ rows: -2 }), "copy.x.rows", "-2"],
    [of({ rows: Number.NaN }), "copy.x.rows"],
    [of({ rows: "2" }), "copy.x.rows"],
    [of({ cols: 1.5 }), "copy.x.cols", "1.5"],
    [of({ rows: 2 ** 40 }), "copy.x.rows"],
    [of({ rows: 2 ** 31 - 1, cols: 0 }), "copy.x.data", "8 values"],
    [of({ data: [1, 2] }), "copy.x.data", "Float32Array"],
    [of({ data: new Float64Array(8) }), "copy.x.data", "Float32Array"],
    [of({ data: detached }), "copy.x.data", "0 values"],
    [of({ dtype: "f64" }), '"f64"', "f32, bf16 and f16"],
    [() => ops.copy(x, wrong("i8")), '"i8"'],
    [() => ops.activate("silu", { ...x, dtype: "bf16" }), "activate", "f32"],
  ]);
  await refused(t, of({ rows: 2 ** 31 - 1, cols: 2 ** 31 - 1 }), "ERR_OUT_OF_MEMORY", "copy", "2147483647");
});

t.test("shapes and scalars of each operation", async (t) => {
  const w = ops.weight(vector(12), [3, 4]);
  const table = ops.table(vector(12), [3, 4]);
  const grid = { height: 1, width: 2 };
  const pixels = { imageSize: 4, patch: 2, mean: [0, 0, 0], std: [1, 1, 1] };
  const rgb = new Uint8Array(48);
  const q = ones(2, 4);
  const levels = [{ height: 2, width: 2 }];
  const sampled = [ones(4, 4), ones(1, 8), ones(1, 4), ones(1, 2)] as const;
  const deformable = { heads: 2, points: 2, levels };
  await refusals(t, [
    [() => ops.linear(ones(2, 5), w), "linear", "x f32 [2, 5]", "[3, 4]"],
    [() => ops.linear(x, table), "linear"],
    [() => ops.linear(x, w, vector(4)), "linear", "bias", "[1, 3]"],
    [() => ops.linear(x, w, wrong([1, 2, 3])), "linear.bias", "Float32Array"],
    [() => ops.linearAdd(x, w, ones(2, 4)), "linear_add", "[2, 3]"],
    [() => ops.embed(table, wrong([0])), "embed.ids", "Int32Array"],
    [() => ops.layerNorm(x, vector(3), vector(4)), "layer_norm", "weight"],
    [() => ops.layerNormSilu(x, vector(4), vector(5)), "layer_norm_silu", "bias"],
    [() => ops.addLayerNorm(x, ones(1, 4), vector(4), vector(4)), "add_layer_norm", "residual"],
    [() => ops.rmsNorm(x, vector(4), Number.NaN), "rms_norm.eps"],
    [() => ops.rmsNorm(x, vector(4), -1), "rms_norm", "eps"],
    [() => ops.activate(wrong("tanh"), x), '"tanh"', "quick_gelu"],
    [() => ops.siluMul(ones(2, 5)), "silu_mul"],
    [() => ops.add(ones(3, 4), x), "add", "[3, 4]"],
    [() => ops.addSilu(x, ones(2, 3)), "add_silu", "residual"],
    [() => ops.gatherRows(x, wrong(new Uint32Array(1))), "gather_rows.rows", "Int32Array"],
    [() => ops.attention(q, q, ones(1, 4), { heads: 2 }), "attention", "v"],
    [() => ops.attention(q, q, q, { heads: 3 }), "attention", "3 heads"],
    [() => ops.attention(q, q, q, { heads: 0 }), "attention.heads", "0"],
    [() => ops.attention(q, q, q, { heads: 1, batch: 3 }), "attention", "3 items"],
    [() => ops.attention(q, q, q, { heads: 1, product: wrong("f16") }), "attention", "f32 or bf16"],
    [() => ops.attention(q, q, q, { heads: 1, scale: Number.NaN }), "attention.scale"],
    [() => ops.attention(q, q, q, wrong({ heads: 1, scael: 1 })), '"scael"', '"scale"'],
    [() => ops.attention(q, q, q, wrong(undefined)), "attention option"],
    [() => ops.patchify(rgb, { ...pixels, patch: 3 }), "patchify", "3"],
    [() => ops.patchify(rgb, { ...pixels, patch: 0 }), "patchify.patch", "0"],
    [() => ops.patchify(rgb, { ...pixels, std: [1, 0, 1] }), "patchify", "deviation"],
    [() => ops.patchify(rgb, { ...pixels, mean: [1] }), "patchify", "three numbers"],
    [() => ops.patchify(rgb, { ...pixels, mean: new Array(2 ** 32 - 1) }), "patchify.mean[0]"],
    [() => ops.patchify(new Uint8Array(47), pixels), "patchify.rgb", "47 bytes", "48"],
    [() => ops.patchify(wrong(vector(48)), pixels), "patchify.rgb", "Uint8Array"],
    [() => ops.depthwiseConv3x3(x, ones(8, 4), grid), "depthwise_conv3x3", "weight"],
    [() => ops.depthwiseConv3x3(x, ones(9, 4), { height: 3, width: 1 }), "depthwise_conv3x3", "3 x 1"],
    [() => ops.depthwiseConv3x3(x, ones(9, 4), wrong({ height: 2 })), "depthwise_conv3x3.grid.width"],
    [() => ops.meanRows(x, 3), "mean_rows"],
    [() => ops.meanRows(x, 2 ** 52), "mean_rows.batch"],
    [() => ops.gateChannels(ones(1, 3), x), "gate_channels", "gate"],
    [() => ops.adaptiveAvgPool(x, grid, { height: 0, width: 1 }), "adaptive_avg_pool.to.height"],
    [() => ops.adaptiveAvgPool(x, { height: 3, width: 1 }, grid), "adaptive_avg_pool", "3 x 1"],
    [() => ops.deformableSample(...sampled, { ...deformable, levels: [] }), "deformable_sample", "0 levels"],
    [
      () => ops.deformableSample(...sampled, { ...deformable, levels: wrong({}) }),
      "deformable_sample.levels",
    ],
    [() => ops.deformableSample(...sampled, { ...deformable, points: 3 }), "deformable_sample", "offsets"],
    [() => ops.deformableSample(...sampled, { ...deformable, batch: 3 }), "deformable_sample", "value"],
  ]);
  const far = { height: 32768, width: 32768 };
  await refused(t, () => ops.adaptiveAvgPool(ones(2, 4096), grid, far), "ERR_OUT_OF_MEMORY");
});

t.test("weights", async (t) => {
  const other = await openOps({ threads: 1 });
  const foreign = other.weight(vector(16), [4, 4]);
  const freed = ops.weight(vector(16), [4, 4]);
  freed.dispose();
  freed.dispose();
  const cache = ops.kvCache({ layers: 1, kvHeads: 1, headDim: 2, blocks: 1 });
  await refusals(t, [
    [() => ops.weight(vector(15), [4, 4]), "weight.data", "15 values", "4 x 4"],
    [() => ops.weight(vector(16), wrong([16])), "shape"],
    [() => ops.weight(vector(16), wrong(undefined)), "shape"],
    [() => ops.weight(vector(16), [-4, -4]), "weight.out", "-4"],
    [() => ops.weight(vector(16), [4, Number.NaN]), "weight.in"],
    [() => ops.weight(vector(0), [0, 4]), "weight.out", "0"],
    [() => ops.weight(wrong(new Float64Array(16)), [4, 4]), "weight.data", "Float32Array"],
    [() => ops.weight(vector(16), [4, 4], wrong("int2")), '"int2"'],
    [() => ops.linear(x, foreign), "w was made by other ops"],
    [() => ops.linear(x, wrong(cache)), "w must be made by ops.weight"],
    [() => ops.linear(x, wrong(1)), "w must be made by ops.weight"],
    [() => ops.embed(foreign, Int32Array.of(0)), "table was made by other ops"],
  ]);
  await refused(t, () => ops.linear(x, freed), "ERR_DISPOSED", "w has been disposed");
  other.dispose();
  foreign.dispose();
  await refused(t, () => other.linear(x, foreign), "ERR_DISPOSED");
});

t.test("caches and batches", async (t) => {
  const shape = { layers: 1, kvHeads: 1, headDim: 4, blocks: 2 };
  const cache = ops.kvCache(shape);
  const q = ones(2, 4);
  const batch = { rowBegin: Int32Array.of(0, 2), start: Int32Array.of(0), blocks: Int32Array.of(1) };
  const attend = (change: object, options = {}) => {
    return () => ops.pagedAttention(q, cache, { ...batch, ...change }, options);
  };
  const named = "paged_attention";
  await refusals(t, [
    [() => ops.kvCache({ ...shape, layers: 0 }), "kvCache.layers"],
    [() => ops.kvCache({ ...shape, headDim: 1.5 }), "kvCache.headDim"],
    [() => ops.kvCache({ ...shape, dtype: wrong("f16") }), "f16", "f32, bf16, int8 or fp8"],
    [() => ops.kvCache(wrong({ ...shape, head_dim: 4 })), '"head_dim"', '"headDim"'],
    [() => ops.pagedAttention(q, wrong({}), batch), "cache must be made by ops.kvCache"],
    [attend({ rowBegin: Int32Array.of(0, 3) }), named, "3 rows of 2"],
    [attend({ rowBegin: Int32Array.of(0) }), "batch", "row_begin"],
    [attend({ rowBegin: Int32Array.of(0, -2) }), "batch", "ascend"],
    [attend({ rowBegin: [0, 2] }), "paged_attention.batch.rowBegin", "Int32Array"],
    [attend({ start: Int32Array.of(-2) }), named, "-2"],
    [attend({ start: Int32Array.of(2 ** 31 - 1) }), named, "blocks"],
    [attend({ start: Int32Array.of(15) }), named, "needs 2 blocks"],
    [attend({ blocks: Int32Array.of(2) }), named, "block 2 of 2"],
    [attend({ blocks: Int32Array.of(-1) }), named, "block -1"],
    [attend({ blocks: new Int32Array(0) }), named, "needs 1 blocks"],
    [attend({}, { layer: 1 }), named, "layer 1 of 1"],
    [attend({}, { layer: -1 }), "paged_attention.layer"],
    [attend({}, { lair: 0 }), '"lair"', '"layer"'],
    [() => ops.pagedAttention(ones(2, 3), cache, batch), named, "multiple"],
    [() => ops.ropeAppend(q, q, q, ones(1, 4), cache, batch), "rope_append", "position 1"],
    [() => ops.ropeAppend(q, q, q, ones(2, 3), cache, batch), "rope_append", "cos_sin"],
    [() => ops.ropeAppend(q, ones(2, 5), q, ones(2, 4), cache, batch), "rope_append"],
  ]);
  const huge = { layers: 2 ** 24, kvHeads: 2 ** 24, headDim: 2 ** 24, blocks: 2 ** 24 };
  await refused(t, () => ops.kvCache(huge), "ERR_OUT_OF_MEMORY", "KV cache");
  cache.dispose();
  await refused(t, attend({}), "ERR_DISPOSED", "cache has been disposed");
});

t.test("timed", async (t) => {
  await refusals(t, [
    [() => ops.timed(() => 1, { repeat: 0 }), "repeat", "0"],
    [() => ops.timed(() => 1, { repeat: 1.5 }), "repeat", "1.5"],
    [() => ops.timed(async () => ops.copy(x)), "timed", "async"],
  ]);
});

t.test("what getters do while arguments are read", async (t) => {
  const mine = await openOps({ threads: 1 });
  const w = mine.weight(vector(16), [4, 4]);
  const sly = {
    ...x,
    get rows() {
      mine.dispose();
      return 2;
    },
  };
  t.same(mine.linear(sly, w).data, new Float32Array(8).fill(4), "the call in progress keeps what it uses");
  await refused(t, () => mine.copy(x), "ERR_DISPOSED", "disposed");
  const shared = { ...x, data: new Float32Array(new SharedArrayBuffer(32)).fill(1) };
  t.same(ops.add(shared, x).data, new Float32Array(8).fill(2), "shared memory is read like any other");
});

t.test("after dispose", async (t) => {
  const gone = await openOps({ threads: 1 });
  const w = gone.weight(vector(16), [4, 4]);
  gone.dispose();
  gone.dispose();
  w.dispose();
  for (const attempt of [
    () => gone.copy(x),
    () => gone.weight(vector(16), [4, 4]),
    () => gone.kvCache({ layers: 1, kvHeads: 1, headDim: 2, blocks: 1 }),
  ]) {
    await refused(t, attempt, "ERR_DISPOSED", "disposed");
  }
});
