// GPTQ, AWQ, int8 and fp8 as other tools write them: every layer of golden/quantization to the bit, whole checkpoints
// against the traces of the official implementation.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import t from "tap";
import { Fields } from "../lib/checkpoint/fields.js";
import { openCheckpoint } from "../lib/checkpoint/index.js";
import { readQuantization } from "../lib/checkpoint/quantization.js";
import { gatherQuantized } from "../lib/checkpoint/quantized.js";
import { readSafetensors } from "../lib/checkpoint/safetensors.js";
import { withWeightFile } from "../lib/checkpoint/weight-file.js";
import { native } from "../lib/native.js";
import { openOps } from "../lib/ops/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { relativeError } from "./support/golden-model.js";
import { compareCase, compareCodes } from "./support/model-goldens.js";
import { goldenPath } from "./support/paths.js";
import { loadTensors } from "./support/safetensors.js";

interface Layer {
  file: string;
  module: string;
  in_features: number;
  out_features: number;
  quantization_config: Record<string, unknown>;
}

const layers = Object.entries(
  JSON.parse(readFileSync(goldenPath("quantization", "layers.json"), "utf8")) as Record<string, Layer>,
);

/** The matrix of a layer's file, found as the reader of checkpoints finds it. */
async function openLayer({ file, quantization_config }: Layer) {
  const path = goldenPath("quantization", file);
  const table = await withWeightFile(path, readSafetensors);
  const tensors = table.map((tensor) => ({ ...tensor, file: 0 }));
  const quantization = await withTempFolder((folder) =>
    readQuantization(folder, new Fields("config.json", { quantization_config })),
  );
  const weights = { files: [path], versions: [""], tensors, layout: "", notes: [] };
  const { matrices } = gatherQuantized(weights, quantization);
  t.equal(matrices.length, 1, `${basename(file)} has one matrix`);
  const [tensor] = matrices;
  return { tensor: tensor!, reader: new native.MatrixReader({ folder: "", files: [path], tensor: tensor! }) };
}

t.test("layers", async (t) => {
  const ops = await openOps({ device: "cpu", threads: 1 });
  t.equal(layers.length, 20);
  for (const [name, layer] of layers) {
    const { tensor, reader } = await openLayer(layer);
    const golden = loadTensors(goldenPath("quantization", layer.file));
    const { in_features: inputs, out_features: outputs } = layer;
    t.same(tensor.shape, [outputs, inputs], `${name}: shape`);
    t.equal(tensor.name, `${layer.module}.weight`);
    const weight = reader.floats({ begin: 0, count: outputs });
    t.same(weight, golden.get("expected.weight")!.data, `${name}: every weight, to the bit`);
    const tail = reader.floats({ begin: outputs - 5, count: 5 });
    t.same(tail, weight.subarray(-5 * inputs), `${name}: a slice`);

    const bias = golden.get(`${layer.module}.bias`)?.data as Float32Array | undefined;
    const x = { data: golden.get("input.x")!.data as Float32Array, rows: 3, cols: inputs };
    const w = ops.weight(weight, [outputs, inputs], "f32");
    const y = ops.linear(x, w, bias);
    const error = relativeError(y.data, golden.get("output.y")!.data);
    t.ok(error <= 1e-5, `${name}: product off by ${error.toExponential(2)}`);
  }
  ops.dispose();
});

t.test("codes are kept as they are", async (t) => {
  const value = (codes: Uint8Array, scales: Float32Array, zeros: Uint8Array, group: number, cols: number) =>
    Float32Array.from(codes, (code, i) => {
      const at = Math.floor(i / cols) * Math.ceil(cols / group) + Math.floor((i % cols) / group);
      return scales[at]! * (code - (zeros[at] ?? 128));
    });
  for (const [name, layer] of layers) {
    if (/actorder-(sym|asym)|8bit|fp8/.test(name)) continue;
    const { reader } = await openLayer(layer);
    const format = name.startsWith("int8") ? "int8" : "int4";
    const { codes, scales, zeros, group } = reader.codes({ format, begin: 0, count: layer.out_features });
    const expected = loadTensors(goldenPath("quantization", layer.file)).get("expected.weight")!;
    t.same(value(codes, scales, zeros, group, layer.in_features), expected.data, name);
  }
});

t.test("fp8 values", async (t) => {
  const golden = loadTensors(goldenPath("quantization", "fp8-e4m3fn.safetensors"));
  const values = golden.get("round.value")!.data as Float32Array;
  const wanted = golden.get("round.code_saturated")!.data;
  // A row whose largest value is 448 has scale 1; what is beyond it saturates apart.
  await withTempFolder(async (folder) => {
    const inside = [...values.keys()].filter((i) => Math.abs(values[i]!) <= 448);
    t.ok(inside.length > 1000);
    const row = Float32Array.from([448, ...inside.map((i) => values[i]!)]);
    const { reader } = await floatMatrix(folder, row, 1);
    const { codes, scales } = reader.codes({ format: "fp8", begin: 0, count: 1 });
    t.equal(scales[0], 1);
    t.same(
      [...codes.subarray(1)],
      inside.map((i) => wanted[i]!),
    );
  });
});

t.test("GPTQ and AWQ checkpoints in f32, against the traces", async (t) => {
  for (const name of ["gptq", "awq"]) await compareCase(t, join("..", "quantization", name), "cpu");
});

compareCodes(t, "cpu");

t.test("what is read of a quantized checkpoint", async (t) => {
  const { tensors, quantization } = await openCheckpoint(goldenPath("quantization", "gptq"));
  t.match(quantization, { quant_method: "gptq", bits: 4, desc_act: true });
  t.match(tensors.get("llm.layers.0.self_attn.k_proj.weight"), {
    shape: [128, 256],
    quantized: { layout: "gptq", bits: 4, group: 64, zeroField: "plus-one", groups: { shape: [256] } },
  });
  const awq = await openCheckpoint(goldenPath("quantization", "awq"));
  t.equal(awq.tensors.get("llm.layers.0.self_attn.k_proj.weight")!.quantized, undefined);
  t.match(awq.tensors.get("llm.layers.0.mlp.up_proj.weight"), { quantized: { layout: "awq", group: 128 } });
});

/** A matrix of floats in a file of its own. */
async function floatMatrix(folder: string, values: Float32Array, rows: number) {
  const { writeSafetensors, float32Tensor } = await import("./support/safetensors.js");
  const path = join(folder, "matrix.safetensors");
  const shape = [rows, values.length / rows];
  writeSafetensors(path, { w: float32Tensor(shape, values) });
  const [raw] = await withWeightFile(path, readSafetensors);
  const tensor = { ...raw!, file: 0 };
  return { reader: new native.MatrixReader({ folder, files: [path], tensor }) };
}
