import { createHash } from "node:crypto";
import type { Checkpoint, ModelConfig, StoredDtype } from "../checkpoint/index.js";
import { chooseDevice, type DeviceChoice } from "../devices.js";
import { HoneybeeError } from "../errors.js";
import type { ModelOptions } from "./options.js";
import type { ResolvedModel } from "./resolve.js";

export type WeightDtype = "f32" | "bf16" | "f16";

/** The dtype that each part's weights have in memory. */
export interface PartDtypes {
  vision: WeightDtype;
  projector: WeightDtype;
  text: WeightDtype;
}

const STORED: Record<StoredDtype, WeightDtype> = { F32: "bf16", BF16: "bf16", F16: "f16" };

/** Auto keeps what is stored, but never more than two bytes a weight; D-Abstractors are exact under every choice. */
export function partDtypes(resolved: ResolvedModel, weights = "auto"): PartDtypes {
  const part = (prefix: string): WeightDtype =>
    weights === "auto" ? storedDtype(resolved.checkpoint, prefix) : (weights as WeightDtype);
  return {
    vision: part("vision."),
    projector: resolved.config.projector?.type === "d-abs" ? "f32" : part("projector."),
    text: part("llm."),
  };
}

/** The dtype that holds most bytes of a part. */
function storedDtype(checkpoint: Checkpoint | undefined, prefix: string): WeightDtype {
  const bytes = new Map<WeightDtype, number>();
  for (const tensor of checkpoint?.tensors.values() ?? []) {
    if (!tensor.name.startsWith(prefix)) continue;
    const dtype = STORED[tensor.dtype];
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + tensor.byteLength);
  }
  return [...bytes].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "bf16";
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
