import type { ModelConfig } from "../checkpoint/index.js";
import type { DeviceChoice } from "../devices.js";
import { native } from "../native.js";
import { kvVectorBytes, WEIGHT_BYTES } from "./cost.js";
import type { EngineInfo } from "./engine.js";
import type { ModelOptions } from "./options.js";
import type { ResolvedModel } from "./resolve.js";
import { nativeConfig, nativeSpec, type PartDtypes, partDtypes, type WeightDtype } from "./spec.js";

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
  /** Bytes that all weights take with each choice of `weights`. */
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

const FORMATS: readonly WeightDtype[] = ["f32", "bf16", "f16", "int8", "int4", "fp8"];

/** Describes a model without loading it, as it would be on a device. */
export function describeModel(
  resolved: ResolvedModel,
  options: ModelOptions,
  choice: DeviceChoice = { device: "cpu" },
): ModelDescription {
  const { config, checkpoint } = resolved;
  const spec = nativeSpec(resolved, options, choice);
  const wanted = native.listTensors(nativeConfig(config), spec.weights);
  const size = (shape: readonly number[]) => shape.reduce((product, side) => product * side, 1);
  const parameters = { vision: 0, projector: 0, text: 0, total: 0 };
  for (const { name, shape } of wanted) {
    const part = name.startsWith("vision.") ? "vision" : name.startsWith("projector.") ? "projector" : "text";
    parameters[part] += size(shape);
    parameters.total += size(shape);
  }
  const bytes = (format: WeightDtype) =>
    native
      .listTensors(nativeConfig(config), partDtypes(resolved, format))
      .reduce((sum, { shape, dtype }) => sum + size(shape) * WEIGHT_BYTES[dtype], 0);
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
    weightBytesByFormat: Object.fromEntries(FORMATS.map((format) => [format, bytes(format)])) as Record<
      WeightDtype,
      number
    >,
    kvBytesPerToken: 2 * layers * kvHeads * kvVectorBytes(spec.kv, headDim),
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
  choice: DeviceChoice,
): ModelInfo {
  const { device, description, loadMs, weightBytes, kvBytes } = engine;
  const described = structuredClone(describeModel(resolved, options, choice));
  const loaded = { device, deviceDescription: description, loadMs, weightBytes, kvBytes };
  return deepFreeze({ ...described, ...loaded, ...(choice.note ? { deviceNote: choice.note } : {}) });
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === "object" && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
