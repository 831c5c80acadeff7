import { optionError } from "../check.js";
import { nearest } from "../nearest.js";
import { MAX_LAYERS } from "./fields.js";
import { plainProjector } from "./projector-config.js";
import { VICUNA_7B, VICUNA_13B } from "./text-config.js";
import type { ModelConfig, ProjectorConfig, TextConfig } from "./types.js";
import { VIT_L_14 } from "./vision-config.js";

/** A model of a real shape whose weights are drawn from a seed. */
export interface RandomModel {
  name: string;
  config: ModelConfig;
  seed: number;
}

interface Preset {
  text: TextConfig;
  imageSize: number;
  projector: "c-abs" | "d-abs" | "llava";
  visualTokens: number;
}

/** TinyLlama 1.1B. */
const TINY_LLAMA: TextConfig = {
  ...VICUNA_7B,
  hiddenSize: 2048,
  intermediateSize: 5632,
  layers: 22,
  kvHeads: 4,
  headDim: 64,
  contextLength: 2048,
};

/** The six released models (paper, tables 6 and 7) and two more shapes to measure. */
const PRESETS: Record<string, Preset> = {
  "7B-C-Abs-M144": { text: VICUNA_7B, imageSize: 224, projector: "c-abs", visualTokens: 144 },
  "7B-D-Abs-M144": { text: VICUNA_7B, imageSize: 224, projector: "d-abs", visualTokens: 144 },
  "7B-C-Abs-M256": { text: VICUNA_7B, imageSize: 224, projector: "c-abs", visualTokens: 256 },
  "13B-C-Abs-M256": { text: VICUNA_13B, imageSize: 336, projector: "c-abs", visualTokens: 256 },
  "13B-D-Abs-M256": { text: VICUNA_13B, imageSize: 336, projector: "d-abs", visualTokens: 256 },
  "13B-C-Abs-M576": { text: VICUNA_13B, imageSize: 336, projector: "c-abs", visualTokens: 576 },
  "llava-1.5-7b": {
    text: { ...VICUNA_7B, vocabSize: 32064 },
    imageSize: 336,
    projector: "llava",
    visualTokens: 576,
  },
  "1.1B-C-Abs-M144": { text: TINY_LLAMA, imageSize: 224, projector: "c-abs", visualTokens: 144 },
};

/** The names that {@link randomModel} knows. */
export const RANDOM_MODEL_NAMES: readonly string[] = Object.keys(PRESETS);

const OPTIONS = {
  layers: { min: 1, max: MAX_LAYERS },
  "vision-layers": { min: 1, max: MAX_LAYERS },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER },
} as const;
type OptionName = keyof typeof OPTIONS;

/**
 * Parses what follows `random:` in a model name, `NAME[,layers=N][,vision-layers=N][,seed=S]`.
 * Seed 0 unless given; the layer counts replace the preset's.
 *
 * @throws HoneybeeError ERR_OPTION naming the unknown name or option and its nearest neighbour
 */
export function randomModel(spec: string): RandomModel {
  const [name = "", ...settings] = spec.split(",");
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined) {
    throw optionError(
      `random model "${name}" is not known; did you mean "${nearest(name, RANDOM_MODEL_NAMES)}"?`,
    );
  }
  const options = new Map<OptionName, number>();
  for (const setting of settings) {
    const { key, value } = parseSetting(setting);
    if (options.has(key)) throw optionError(`random model option ${key} is given twice.`);
    options.set(key, value);
  }
  const config = buildConfig(preset, options.get("layers"), options.get("vision-layers"));
  return { name, config: structuredClone(config), seed: options.get("seed") ?? 0 };
}

function parseSetting(setting: string): { key: OptionName; value: number } {
  const [key = "", text = ""] = setting.split("=", 2);
  if (!Object.hasOwn(OPTIONS, key)) {
    throw optionError(
      `random model option "${key}" is not known; did you mean "${nearest(key, Object.keys(OPTIONS))}"?`,
    );
  }
  const { min, max } = OPTIONS[key as OptionName];
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw optionError(`random model option ${key} is "${text}"; expected an integer of ${min} to ${max}.`);
  }
  return { key: key as OptionName, value };
}

function buildConfig(
  preset: Preset,
  layers = preset.text.layers,
  visionLayers = VIT_L_14.layers,
): ModelConfig {
  const text = { ...preset.text, layers };
  const vision = { ...VIT_L_14, imageSize: preset.imageSize, layers: visionLayers };
  const plain: ProjectorConfig = { ...plainProjector(vision, text), visualTokens: preset.visualTokens };
  switch (preset.projector) {
    case "llava": {
      const projector: ProjectorConfig = {
        ...plain,
        featureLayers: [visionLayers - 1],
        depth: 2,
        activation: "gelu",
      };
      return { family: "llava", vision, projector, text, preprocessing: "shortest-edge-crop" };
    }
    case "c-abs": {
      const projector: ProjectorConfig = { ...plain, type: "c-abs", posEmb: true, depth: 3, mlpDepth: 2 };
      return { family: "honeybee", vision, projector, text, preprocessing: "squash" };
    }
    case "d-abs": {
      const projector: ProjectorConfig = {
        ...plain,
        type: "d-abs",
        posEmb: true,
        depth: 6,
        heads: 8,
        points: 4,
        ffnSize: 1024,
        pooledTarget: "query",
      };
      return { family: "honeybee", vision, projector, text, preprocessing: "squash" };
    }
  }
}
