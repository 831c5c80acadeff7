// Quantized checkpoints and options that cannot be: an error with a code that names what is wrong.
import { rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openCheckpoint, writeSafetensorsFolder } from "../lib/checkpoint/index.js";
import { type ErrorCode, loadModel, type ModelOptions } from "../lib/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { type Edits, editedModel } from "./support/edited-model.js";
import { loadGolden, refused } from "./support/golden-model.js";

type Table = Parameters<NonNullable<Edits["tensors"]>>[0];
type Case = [edits: Edits, ...named: (string | RegExp)[]];

/** Loads edited copies of a golden checkpoint, and expects each to be refused. */
async function refuseEach(t: Tap, model: string, cases: Case[], prepare?: (folder: string) => void) {
  await withTempFolder(async (folder) => {
    for (const [i, [edits, ...named]] of cases.entries()) {
      const path = editedModel(model, join(folder, String(i), "x"), edits);
      prepare?.(path);
      await refused(t, loadModel(path, { device: "cpu" }), "ERR_CHECKPOINT", ...named);
    }
  });
}
type Tap = Parameters<typeof refused>[0];

/** The same bytes under another shape or dtype. */
const shaped = (name: string, shape: number[]) => edited(name, (tensor) => ({ ...tensor, shape }));
const typed = (name: string, dtype: string) => edited(name, (tensor) => ({ ...tensor, dtype }));
const filled = (name: string, byte: number) =>
  edited(name, (tensor) => ({ ...tensor, data: new Uint8Array(tensor.data.length).fill(byte) }));
const edited = (name: string, change: (tensor: Table[string]) => Table[string]): Edits => ({
  tensors(table) {
    table[name] = change(table[name]!);
  },
});
const deleted = (name: string): Edits => ({ tensors: (table) => delete table[name] });
const configured = (change: object | string): Edits => ({
  config(config) {
    const own = config.quantization_config as object;
    config.quantization_config = typeof change === "string" ? change : { ...own, ...change };
  },
});

const BYTES: Record<string, number> = { F32: 4, I32: 4, F16: 2, BF16: 2, I8: 1, F8_E4M3: 1 };

/** A tensor full of one byte. */
function tensor(dtype: string, shape: number[], byte = 0) {
  const size = shape.reduce((product, side) => product * side, BYTES[dtype]!);
  return { dtype, shape, data: new Uint8Array(size).fill(byte) };
}

const GPTQ = "language_model.model.layers.0.self_attn.q_proj";

t.test("GPTQ", async (t) => {
  await refuseEach(t, join("..", "quantization", "gptq"), [
    [deleted(`${GPTQ}.qzeros`), "model.safetensors", `${GPTQ}.qzeros`],
    [deleted(`${GPTQ}.scales`), "model.safetensors", `${GPTQ}.scales`],
    [deleted(`${GPTQ}.qweight`), "has no codes beside it"],
    [shaped(`${GPTQ}.qweight`, [64, 128]), "q_proj", "[128, 256], expected [256, 256]"],
    [edited(`${GPTQ}.qweight`, () => tensor("I32", [40, 256])), "qweight", "[40, 256]", "2, 3, 4 or 8 bits"],
    [edited(`${GPTQ}.qweight`, () => tensor("I32", [0, 256])), "qweight", "[0, 256]", "contiguous matrix"],
    [edited(`${GPTQ}.qweight`, () => tensor("I32", [8192])), "qweight", "[8192]", "contiguous matrix"],
    [shaped(`${GPTQ}.qzeros`, [2, 64]), `${GPTQ}.qzeros`, "[2, 64]", "expected [4, 32]"],
    [shaped(`${GPTQ}.scales`, [256, 4]), "scales", "[256, 4]"],
    [typed(`${GPTQ}.qweight`, "F32"), `${GPTQ}.qweight`, "F32, expected I32"],
    [typed(`${GPTQ}.scales`, "I16"), `${GPTQ}.scales`, "I16, expected F16, BF16 or F32"],
    [edited(`${GPTQ}.g_idx`, () => tensor("I32", [128])), "q_proj", "[256, 128], expected [256, 256]"],
    [filled(`${GPTQ}.g_idx`, 0xff), `${GPTQ}.g_idx`, "names group -1 of 4"],
    [filled(`${GPTQ}.scales`, 0x7f), `${GPTQ}.scales`, "not a finite number"],
    [configured("gptq"), 'quantization_config is "gptq"', "expected an object"],
  ]);
  // The same where the settings of auto-gptq's own file do not hide those of config.json.
  const alone = (path: string) => rmSync(join(path, "quantize_config.json"));
  await refuseEach(
    t,
    join("..", "quantization", "gptq"),
    [
      [configured({ bits: 9 }), "bits is 9", "an integer of 2 to 8"],
      [configured({ bits: "4" }), 'bits is "4"'],
      [configured({ group_size: 0 }), "group_size is 0"],
      [configured({ quant_method: "hqq" }), 'quantized ("hqq")'],
      [configured({ quant_method: "fp8" }), "qweight", "GPTQ's or AWQ's"],
      [configured({ quant_method: "awq" }), "q_proj"],
    ],
    alone,
  );
});

const AWQ = "language_model.model.layers.0.self_attn.o_proj";

/** o_proj [64, 64] of the model `linear` in AWQ's layout, changed. */
function awq(config: object, change: (table: Table) => void = () => {}): Edits {
  return {
    config(json) {
      json.quantization_config = { quant_method: "awq", bits: 4, group_size: 32, ...config };
    },
    tensors(table) {
      delete table[`${AWQ}.weight`];
      table[`${AWQ}.qweight`] = tensor("I32", [64, 8]);
      table[`${AWQ}.qzeros`] = tensor("I32", [2, 8]);
      table[`${AWQ}.scales`] = tensor("F16", [2, 64]);
      change(table);
    },
  };
}

t.test("AWQ", async (t) => {
  await withTempFolder(async (folder) => {
    const path = editedModel("linear", folder, awq({}));
    const sizes = [];
    for (const weights of ["f16", "int4"] as const) {
      const model = await loadModel(path, { device: "cpu", weights });
      sizes.push({ bytes: model.info.weightBytes, vocabulary: model.info.config.text.vocabSize });
      await model.dispose();
    }
    // One [64, 64] of int4 in groups of 32, and the head [vocabulary, 64] in int8.
    const [halves, small] = [sizes[0]!, sizes[1]!];
    const saved = 64 * 64 * 2 - (64 * 64) / 2 - 64 * 2 * 2.5 + halves.vocabulary * (64 * 2 - 64 - 4);
    t.equal(halves.bytes - small.bytes, saved, "matrices that its maker left out stay floats");
  });
  await refuseEach(t, "linear", [
    [awq({ group_size: 48 }), `${AWQ}.qweight`, "64 inputs", "multiple of the group size, 48"],
    [awq({ group_size: 16 }), `${AWQ}.scales`, "[2, 64], expected [4, 64]"],
    [awq({ group_size: 64 }), `${AWQ}.scales`, "[2, 64], expected [1, 64]"],
    [awq({ bits: 8 }), "bits is 8"],
    [awq({ group_size: undefined }), "group_size is missing"],
    [awq({ version: "gemv" }), `${AWQ}.qzeros`, "[2, 8], expected [64, 8]"],
    [awq({}, (table) => delete table[`${AWQ}.qzeros`]), `${AWQ}.qzeros`],
    [awq({}, (table) => (table[`${AWQ}.qzeros`] = tensor("I32", [2, 9]))), "[2, 9], expected [2, 8]"],
    [awq({}, (table) => (table[`${AWQ}.qweight`] = tensor("I32", [64, 9]))), "[72, 64], expected [64, 64]"],
  ]);
});

const UP = "language_model.model.layers.1.mlp.up_proj";

/** up_proj [172, 64] of the model `linear` as bytes with a scale. */
function bytes(dtype: "I8" | "F8_E4M3", parts: Table, byte = 0): Edits {
  return {
    tensors(table) {
      table[`${UP}.weight`] = tensor(dtype, [172, 64], byte);
      for (const [name, part] of Object.entries(parts)) table[`${UP}.${name}`] = part;
    },
  };
}

t.test("int8 and fp8", async (t) => {
  const scale = tensor("BF16", [172, 1], 0x3c);
  await refuseEach(t, "linear", [
    [bytes("I8", {}), `${UP}.weight_scale`],
    [
      bytes("I8", { weight_scale: tensor("BF16", [5, 1]) }),
      "weight_scale",
      "[5, 1], expected one scale or 172",
    ],
    [bytes("I8", { weight_scale: tensor("BF16", [172, 2]) }), "[172, 2], expected one scale or 172"],
    [bytes("I8", { weight_scale: tensor("I32", [172, 1]) }), "I32, expected F16, BF16 or F32"],
    [bytes("I8", { weight_scale: tensor("BF16", [172, 1], 0xff) }), "weight_scale", "not a finite number"],
    [bytes("I8", { weight_scale: scale, weight_zero_point: scale }), "weight_zero_point", "asymmetric"],
    [bytes("I8", { SCB: tensor("F32", [172]), weight_scale: scale }), "SCB", "not read"],
    [bytes("F8_E4M3", { weight_scale_inv: tensor("F32", [3, 1]) }), "[3, 1], expected [2, 1]"],
    [bytes("F8_E4M3", { weight_scale_inv: tensor("F32", [172, 1]) }), "[172, 1], expected [2, 1]"],
  ]);
  const vision = "vision_model.vision_model.encoder.layers.0.mlp.fc1";
  await refuseEach(t, "linear", [
    [
      {
        tensors(table) {
          const { shape } = table[`${vision}.weight`]!;
          table[`${vision}.weight`] = tensor("I8", shape);
          table[`${vision}.weight_scale`] = tensor("F32", [shape[0]!, 1]);
        },
      },
      `${vision}.weight`,
      "only matrices of the language model",
    ],
  ]);
});

t.test("weights that no code holds", async (t) => {
  await withTempFolder(async (folder) => {
    const nan: Edits = {
      tensors(table) {
        table[`${AWQ}.weight`] = tensor("F8_E4M3", [64, 64], 0x7f);
        table[`${AWQ}.weight_scale`] = tensor("F32", [1], 0x3c);
      },
    };
    const stored = editedModel("linear", join(folder, "fp8", "x"), nan);
    const loading = loadModel(stored, { device: "cpu", weights: "fp8" });
    await refused(t, loading, "ERR_CHECKPOINT", "layers.0.self_attn.o_proj", "fp8 weight is not a number");
    const path = editedModel("linear", folder, filled(`${UP}.weight`, 0xff));
    for (const weights of ["int8", "int4", "fp8"] as const) {
      await refused(
        t,
        loadModel(path, { device: "cpu", weights }),
        "ERR_CHECKPOINT",
        "not a number",
        "mlp.gate_proj",
      );
      const out = join(folder, "out", weights);
      const written = writeSafetensorsFolder(await openCheckpoint(path), out, { weights });
      await refused(t, written, "ERR_CHECKPOINT", "not a number", "llm.layers.1.mlp.up_proj.weight");
    }
  });
});

t.test("options that a device does not have", async (t) => {
  const cases: [ModelOptions, ErrorCode, ...string[]][] = [
    [{ device: "cpu", weights: "int3" }, "ERR_OPTION", '"int3"', "int8, int4, fp8"],
    [{ device: "cpu", kv: "int4" }, "ERR_OPTION", '"int4"', "int8"],
    [{ device: "cpu", kv: "fp8" }, "ERR_OPTION", 'kv is "fp8"', "CUDA", '"int8"'],
  ];
  for (const [options, code, ...named] of cases)
    await refused(t, loadGolden("linear", options), code, ...named);
});
