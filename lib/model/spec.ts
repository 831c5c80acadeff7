import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { optionError } from "../check.js";
import type { Checkpoint, ModelConfig, StoredDtype, TensorRef } from "../checkpoint/index.js";
import { chooseDevice, type DeviceChoice } from "../devices.js";
import { HoneybeeError } from "../errors.js";
import type { ModelOptions } from "./options.js";
import type { ResolvedModel } from "./resolve.js";

export type WeightDtype = "f32" | "bf16" | "f16" | "int8" | "int4" | "fp8";

/** The dtype that each part's weights have in memory. */
export interface PartDtypes {
  vision: WeightDtype;
  projector: WeightDtype;
  /** The matrices of the language model's layers. */
  text: WeightDtype;
  /** The table that tokens are looked up in; unused where the head is tied to it. */
  embedding: WeightDtype;
  head: WeightDtype;
}

const STORED: Record<StoredDtype, WeightDtype> = { F32: "bf16", BF16: "bf16", F16: "f16" };

/** The formats of small weights, and what the head is beside them: logits deserve more than 4 bits. */
const SMALL_HEAD: Partial<Record<WeightDtype, WeightDtype>> = { int8: "int8", int4: "int8", fp8: "fp8" };

/**
 * Auto keeps what is stored, but never more than two bytes a weight. D-Abstractors are exact under every choice. int8, int4
 * and fp8 are for the language model: vision tower, projector and embeddings stay as with auto.
 */
export function partDtypes(resolved: ResolvedModel, weights = "auto"): PartDtypes {
  const { checkpoint, config } = resolved;
  const small = SMALL_HEAD[weights as WeightDtype];
  const stored = (pattern: RegExp) => storedDtype(checkpoint, pattern);
  const isAuto = weights === "auto" || small !== undefined;
  const part = (pattern: RegExp) => (isAuto ? stored(pattern) : (weights as WeightDtype));
  const isExact = config.projector?.type === "d-abs";
  const head = config.text.tieWordEmbeddings ? EMBEDDING : /^llm\.lm_head\./;
  return {
    vision: part(/^vision\./),
    projector: isExact ? "f32" : part(/^projector\./),
    text: small === undefined ? part(/^llm\.layers\./) : (weights as WeightDtype),
    embedding: SMALL_HEAD[part(EMBEDDING)] === undefined ? part(EMBEDDING) : "bf16",
    head: small ?? part(head),
  };
}

const EMBEDDING = /^llm\.embed_tokens\./;

/**
 * The format that holds most elements of a part. Codes are kept only where all quantized matrices of the part have the
 * same format: making others of them would quantize twice.
 */
function storedDtype(checkpoint: Checkpoint | undefined, pattern: RegExp): WeightDtype {
  const elements = new Map<WeightDtype, number>();
  const quantized = new Set<WeightDtype>();
  for (const tensor of checkpoint?.tensors.values() ?? []) {
    if (!pattern.test(tensor.name)) continue;
    const format = storedFormat(tensor);
    if (tensor.quantized) quantized.add(format);
    const count = tensor.shape.reduce((product, side) => product * side, 1);
    elements.set(format, (elements.get(format) ?? 0) + count);
  }
  if (quantized.size > 1) return "f16";
  return [...elements].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "bf16";
}

/** The format in which a tensor can be kept as it is stored. */
function storedFormat({ dtype, quantized, lora }: TensorRef): WeightDtype {
  if (quantized === undefined) return STORED[dtype];
  const { layout, codes, scales, bits = 8, group = 0 } = quantized;
  if (layout === "channels" && !lora) return codes.dtype === "I8" ? "int8" : "fp8";
  const isInt4 = layout !== "blocks" && layout !== "channels" && bits <= 4 && group % 32 === 0;
  return isInt4 && scales.dtype === "F16" && !lora ? "int4" : "f16";
}

/** @throws HoneybeeError ERR_OPTION for a KV cache that the device does not have */
export function checkKv({ kv }: ModelOptions, { device }: DeviceChoice): void {
  if (kv !== "fp8" || device !== "cpu") return;
  throw optionError(
    'kv is "fp8", which is for CUDA devices only; on the CPU choose "int8", which is as small',
  );
}

/** What the native side needs to load a model on a device. */
export function nativeSpec(
  resolved: ResolvedModel,
  options: ModelOptions,
  { device, library }: DeviceChoice = chooseDevice(options.device),
) {
  const { config, checkpoint, seed } = resolved;
  const weights = partDtypes(resolved, options.weights);
  const common = {
    config: nativeConfig(config),
    weights,
    kv: options.kv && options.kv !== "auto" ? options.kv : weights.text === "f32" ? "f32" : "bf16",
    context: chooseContext(config, options.context),
    maxSequences: options.maxSequences ?? 64,
    memory: options.memory,
    device,
    library,
    threads: options.threads,
    batchInvariant: options.batchInvariant ?? false,
    prefixCache: options.prefixCache ?? true,
    imageCache: options.imageCache,
    stepTrace: options.stepTrace && resolve(options.stepTrace),
  };
  const source = checkpoint
    ? { folder: checkpoint.path, files: checkpoint.files, tensors: [...checkpoint.tensors.values()] }
    : { seed };
  return { ...common, ...source, key: engineKey({ ...common, ...source, versions: checkpoint?.versions }) };
}

/**
 * Models with the same key share one engine of the process, whichever thread loads them. Everything that an engine is made
 * from counts, the state of the weight files included: what was written to a file while its engine lives is loaded anew.
 */
function engineKey(origin: object): string {
  return createHash("sha256").update(JSON.stringify(origin)).digest("hex");
}

export type NativeSpec = ReturnType<typeof nativeSpec>;

/** The parts of the configuration that the network is built from. */
export function nativeConfig(config: ModelConfig) {
  return { vision: config.vision, projector: config.projector, text: config.text };
}

function chooseContext(config: ModelConfig, wanted: number | undefined): number {
  const { contextLength } = config.text;
  if (wanted === undefined || wanted <= contextLength) return wanted ?? contextLength;
  throw new HoneybeeError(
    "ERR_OPTION",
    `context is ${wanted}; this model was trained for at most ${contextLength} tokens`,
  );
}
