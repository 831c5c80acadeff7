import type { ModelConfig } from "../checkpoint/index.js";
import type { DeviceChoice } from "../devices.js";
import { native } from "../native.js";
import type { EngineInfo } from "./engine.js";
import type { ModelOptions } from "./options.js";
import type { ResolvedModel } from "./resolve.js";
import { nativeConfig, nativeSpec, type PartDtypes, type WeightDtype } from "./spec.js";

/** What is known of a model before its weights are read. */
export interface ModelDescription {
  model: string;
  layout: string;
  family: ModelConfig["family"];
  config: ModelConfig;
  /** Rows that each image takes in a prompt; 0 for a text-only model. */
  tokensPerImage: number;
  /** Longest sequence in tokens. */
  context: number;
  /** Requests that run at once; more wait. */
  maxSequences: number;
  weights: PartDtypes;
  kv: string;
  parameters: { vision: number; projector: number; text: number; total: number };
  /** Bytes that the weights take in each format (a D-Abstractor is f32 in all). */
  weightBytesByFormat: Record<WeightDtype, number>;
  kvBytesPerToken: number;
  /** Tensors that the network wants and the checkpoint lacks. */
  missing: string[];
  /** Tensors of the checkpoint that the network does not use. */
  unused: string[];
  notes: string[];
}

/** The same of a loaded model. */
export interface ModelInfo extends ModelDescription {
  device: string;
  deviceDescription: string;
  /** Why device "auto" did not choose a GPU. */
  deviceNote?: string;
  loadMs: number;
  weightBytes: number;
  kvBytes: number;
}

const BYTES: Record<WeightDtype, number> = { f32: 4, bf16: 2, f16: 2 };

/** Describes a model without loading it. */
export function describeModel(resolved: ResolvedModel, options: ModelOptions): ModelDescription {
  const { config, checkpoint } = resolved;
  // The device plays no part in what is described.
  const spec = nativeSpec(resolved, options, { device: "cpu" });
  const wanted = native.listTensors(nativeConfig(config), spec.weights);
  const size = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
  const parameters = { vision: 0, projector: 0, text: 0, total: 0 };
  for (const { name, shape } of wanted) {
    const part = name.startsWith("vision.") ? "vision" : name.startsWith("projector.") ? "projector" : "text";
    parameters[part] += size(shape);
    parameters.total += size(shape);
  }
  const isExact = config.projector?.type === "d-abs";
  const bytes = (dtype: WeightDtype) =>
    (parameters.vision + parameters.text) * BYTES[dtype] +
    parameters.projector * (isExact ? 4 : BYTES[dtype]);
  const names = new Set(wanted.map(({ name }) => name));
  const { layers, kvHeads, headDim } = config.text;
  const { projector } = config;
  return {
    model: resolved.name,
    layout: resolved.layout,
    family: config.family,
    config,
    tokensPerImage: projector ? projector.visualTokens + projector.eosTokens : 0,
    context: spec.context,
    maxSequences: spec.maxSequences,
    weights: spec.weights,
    kv: spec.kv,
    parameters,
    weightBytesByFormat: { f32: bytes("f32"), bf16: bytes("bf16"), f16: bytes("f16") },
    kvBytesPerToken: 2 * layers * kvHeads * headDim * (spec.kv === "f32" ? 4 : 2),
    missing: checkpoint ? [...names].filter((name) => !checkpoint.tensors.has(name)) : [],
    unused: checkpoint ? [...checkpoint.tensors.keys()].filter((name) => !names.has(name)) : [],
    notes: resolved.notes,
  };
}

/** A plain frozen object, all the way down. */
export function makeInfo(
  resolved: ResolvedModel,
  options: ModelOptions,
  engine: EngineInfo,
  { note }: DeviceChoice,
): ModelInfo {
  const { device, description, loadMs, weightBytes, kvBytes } = engine;
  const described = structuredClone(describeModel(resolved, options));
  const loaded = { device, deviceDescription: description, loadMs, weightBytes, kvBytes };
  return deepFreeze({ ...described, ...loaded, ...(note ? { deviceNote: note } : {}) });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
