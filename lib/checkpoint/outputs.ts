import { HoneybeeError } from "../errors.js";
import { callNative, type NativeMatrixReader, native } from "../native.js";
import { elementBytes } from "./dtypes.js";
import { decodeFloats, encodeFloats } from "./floats.js";
import type { JsonObject } from "./json.js";
import { storedName } from "./names.js";
import { readTensor, SLICE_BYTES } from "./tensor-stream.js";
import type { Checkpoint, PartRef, StoredDtype, TensorRef } from "./types.js";
import type { WeightFile } from "./weight-file.js";

/** What weights are written as: "auto" as they are stored. */
export type WrittenWeights = "auto" | "f32" | "bf16" | "f16" | SmallFormat;
type SmallFormat = "int8" | "int4" | "fp8";

/** One tensor of the file that is written. */
export interface OutputTensor {
  name: string;
  dtype: string;
  shape: number[];
}

/** Tensors that are written one after another, and their bytes in slices. */
export interface Output {
  part: "vision" | "projector" | "llm";
  tensors: OutputTensor[];
  read(files: readonly WeightFile[]): AsyncIterable<Buffer>;
}

const FLOATS: Record<string, StoredDtype> = { f32: "F32", bf16: "BF16", f16: "F16" };
const LAYER_MATRIX = /^llm\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight$/;
/** What gemv files of autoawq pad the words of zeros of a row to, by group size. */
const ZERO_WORDS = 4;

/**
 * What is written for each tensor of a checkpoint. Small formats are for the matrices of the language model's layers; its
 * head becomes int8 beside int4. Where some are stored in the wanted format already they stay as they are, and so does what
 * their maker left out.
 */
export function planOutputs(checkpoint: Checkpoint, weights: WrittenWeights): Output[] {
  const { tensors, config } = checkpoint;
  const stored = new Set([...tensors.values()].map(storedSmall));
  const head = config.text.tieWordEmbeddings ? "llm.embed_tokens.weight" : "llm.lm_head.weight";
  const wanted = (tensor: TensorRef): SmallFormat | undefined => {
    if (weights !== "int8" && weights !== "int4" && weights !== "fp8") return undefined;
    const isHead = tensor.name === head;
    if (!isHead && !LAYER_MATRIX.test(tensor.name)) return undefined;
    const format = isHead && weights === "int4" ? "int8" : weights;
    // A word of int4 holds eight codes.
    return stored.has(format) || (format === "int4" && tensor.shape[1]! % 8 !== 0) ? undefined : format;
  };
  return [...tensors.values()].map((tensor) => {
    const format = wanted(tensor);
    if (format !== undefined) return quantizing(checkpoint, tensor, format);
    if (tensor.quantized !== undefined && FLOATS[weights] === undefined) return copying(checkpoint, tensor);
    const isExact = tensor.name.startsWith("projector.") && config.projector?.type === "d-abs";
    const isMatrix = tensor.shape.length > 1 && !isExact;
    return floating(checkpoint, tensor, (isMatrix && FLOATS[weights]) || tensor.dtype);
  });
}

/** `quantization_config` of what {@link planOutputs} writes; undefined where nothing is quantized. */
export function quantizationJson(checkpoint: Checkpoint, weights: WrittenWeights): JsonObject | undefined {
  const layers = [...checkpoint.tensors.values()].filter(({ name }) => LAYER_MATRIX.test(name));
  if (FLOATS[weights] !== undefined) return undefined;
  if (weights === "auto" || layers.some((tensor) => storedSmall(tensor) === weights))
    return checkpoint.quantization;
  if (weights === "int4") {
    return { quant_method: "awq", bits: 4, group_size: 32, zero_point: true, version: "gemv" };
  }
  const type = weights === "int8" ? "int" : "float";
  return {
    quant_method: "compressed-tensors",
    format: `${type}-quantized`,
    quantization_status: "compressed",
    ignore: [],
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { num_bits: 8, type, strategy: "channel", symmetric: true, dynamic: false },
        input_activations: null,
      },
    },
  };
}

/** The small format of a tensor that is stored in one. */
function storedSmall({ quantized, lora }: TensorRef): SmallFormat | undefined {
  if (quantized === undefined || lora !== undefined) return undefined;
  if (quantized.layout === "channels") return quantized.codes.dtype === "I8" ? "int8" : "fp8";
  return quantized.zeros !== undefined && quantized.bits! <= 4 ? "int4" : undefined;
}

/** As floats of a dtype. */
function floating(checkpoint: Checkpoint, tensor: TensorRef, dtype: StoredDtype): Output {
  const { name, shape } = tensor;
  return {
    part: partOf(tensor),
    tensors: [{ name: storedName(checkpoint.config.family, name), dtype, shape }],
    async *read(files) {
      if (tensor.quantized === undefined) {
        for await (const slice of readTensor(files, tensor))
          yield dtype === tensor.dtype ? slice : encodeFloats(dtype, decodeFloats(tensor.dtype, slice));
        return;
      }
      const reader = openMatrix(checkpoint, tensor);
      for (const range of rowSlices(tensor))
        yield encodeFloats(
          dtype,
          callNative(() => reader.floats(range)),
        );
    },
  };
}

/** The parts of a quantized matrix as they are. */
function copying({ config }: Checkpoint, tensor: TensorRef): Output {
  const { codes, scales, zeros, groups } = tensor.quantized!;
  const parts = [codes, zeros, scales, groups].filter((part) => part !== undefined);
  const module = storedName(config.family, tensor.name).slice(0, -".weight".length);
  const suffix = (part: PartRef) => part.name.slice(part.name.lastIndexOf("."));
  return {
    part: partOf(tensor),
    tensors: parts.map((part) => ({ name: module + suffix(part), dtype: part.dtype, shape: part.shape })),
    async *read(files) {
      for (const part of parts) {
        for (let at = 0; at < part.byteLength; at += SLICE_BYTES) {
          yield await files[part.file]!.read(part.offset + at, Math.min(SLICE_BYTES, part.byteLength - at));
        }
      }
    },
  };
}

/** As codes of a format: compressed-tensors' int8 and fp8, or autoawq's rows of int4. */
function quantizing(checkpoint: Checkpoint, tensor: TensorRef, format: SmallFormat): Output {
  const [rows, cols] = tensor.shape as [number, number];
  const name = storedName(checkpoint.config.family, tensor.name);
  const module = name.slice(0, -".weight".length);
  const groups = Math.ceil(cols / 32);
  const zeroWords = Math.ceil(Math.ceil(groups / 8) / ZERO_WORDS) * ZERO_WORDS;
  const tensors =
    format === "int4"
      ? [
          { name: `${module}.qweight`, dtype: "I32", shape: [rows, cols / 8] },
          { name: `${module}.qzeros`, dtype: "I32", shape: [rows, zeroWords] },
          { name: `${module}.scales`, dtype: "F16", shape: [rows, 8 * zeroWords] },
        ]
      : [
          { name, dtype: format === "int8" ? "I8" : "F8_E4M3", shape: [rows, cols] },
          { name: `${module}.weight_scale`, dtype: "F32", shape: [rows, 1] },
        ];
  return {
    part: partOf(tensor),
    tensors,
    async *read() {
      const reader = openMatrix(checkpoint, tensor);
      const rest: Buffer[][] = [[], []]; // what follows the codes of all rows
      for (const range of rowSlices(tensor)) {
        const { codes, scales, zeros } = callNative(() => reader.codes({ format, ...range }));
        if (format === "int4") {
          yield packNibbles(codes);
          rest[0]!.push(packNibbles(padRows(zeros, groups, 8 * zeroWords)));
          rest[1]!.push(encodeFloats("F16", padRows(scales, groups, 8 * zeroWords)));
        } else {
          yield Buffer.from(format === "int8" ? codes.map((code) => code ^ 128) : codes);
          rest[0]!.push(encodeFloats("F32", scales));
        }
      }
      yield* rest.flat();
    },
  };
}

const partOf = ({ name }: TensorRef) => name.split(".", 1)[0] as Output["part"];

function openMatrix({ path, files }: Checkpoint, tensor: TensorRef): NativeMatrixReader {
  if (tensor.shape.length !== 2)
    throw new HoneybeeError(
      "ERR_CHECKPOINT",
      `${tensor.name} has ${tensor.shape.length} sides, expected a matrix`,
    );
  return callNative(() => new native.MatrixReader({ folder: path, files, tensor }));
}

/** Whole rows of about a slice of floats. */
function* rowSlices({ shape }: TensorRef): Generator<{ begin: number; count: number }> {
  const [rows, cols] = shape as [number, number];
  const step = Math.max(1, Math.floor(SLICE_BYTES / (4 * cols)));
  for (let begin = 0; begin < rows; begin += step) yield { begin, count: Math.min(step, rows - begin) };
}

/** Two to a byte, the first in the low half. */
function packNibbles(codes: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(codes.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = codes[2 * i]! | (codes[2 * i + 1]! << 4);
  return bytes;
}

/** Rows of `width` values, with zeros behind, in rows of `padded`. */
function padRows<T extends Uint8Array | Float32Array>(values: T, width: number, padded: number): T {
  const rows = values.length / width;
  const out = new (values.constructor as new (length: number) => T)(rows * padded);
  for (let r = 0; r < rows; r++) out.set(values.subarray(r * width, (r + 1) * width), r * padded);
  return out;
}

/** Bytes of a tensor that is written. */
export function outputBytes({ dtype, shape }: OutputTensor): number {
  return shape.reduce((product, side) => product * side, 1) * elementBytes(dtype)!;
}
