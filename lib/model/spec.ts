import type { Checkpoint, ModelConfig, StoredDtype } from "../checkpoint/index.js";
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

/** The device to use for what was asked. */
export function chooseDevice(device = "auto"): "cpu" {
  if (device === "auto" || device === "cpu") return "cpu";
  throw new HoneybeeError(
    "ERR_DEVICE",
    `device ${device} is not in this build, which computes on the cpu; use device "cpu" or "auto"`,
  );
}

/** What the native side needs to load a model. */
export function nativeSpec(resolved: ResolvedModel, options: ModelOptions) {
  const { config, checkpoint, seed } = resolved;
  const weights = partDtypes(resolved, options.weights);
  const common = {
    config: nativeConfig(config),
    weights,
    kv: options.kv && options.kv !== "auto" ? options.kv : weights.text === "f32" ? "f32" : "bf16",
    context: chooseContext(config, options.context),
    maxSequences: options.maxSequences ?? 8,
    memory: options.memory,
    device: chooseDevice(options.device),
    threads: options.threads,
    batchInvariant: options.batchInvariant ?? false,
  };
  const source = checkpoint
    ? { folder: checkpoint.path, files: checkpoint.files, tensors: [...checkpoint.tensors.values()] }
    : { seed };
  // The same files and options in another thread of this process share one engine.
  const key = JSON.stringify([checkpoint?.path ?? resolved.name, common]);
  return { ...common, ...source, key };
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
