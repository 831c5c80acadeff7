import { checkpointError } from "./fail.js";
import { Fields, MAX_LAYERS } from "./fields.js";
import type { VisionConfig } from "./types.js";

/** OpenAI CLIP's normalisation. */
export const CLIP_MEAN: [number, number, number] = [0.48145466, 0.4578275, 0.40821073];
export const CLIP_STD: [number, number, number] = [0.26862954, 0.26130258, 0.27577711];

/** openai/clip-vit-large-patch14, and -336 with imageSize 336. */
export const VIT_L_14: VisionConfig = {
  hiddenSize: 1024,
  intermediateSize: 4096,
  layers: 24,
  heads: 16,
  imageSize: 224,
  patchSize: 14,
  layerNormEps: 1e-5,
  activation: "quick_gelu",
  imageMean: CLIP_MEAN,
  imageStd: CLIP_STD,
};

/** CLIPVisionConfig of transformers 4.38.1. */
const HF_DEFAULTS: VisionConfig = {
  ...VIT_L_14,
  hiddenSize: 768,
  intermediateSize: 3072,
  layers: 12,
  heads: 12,
  patchSize: 32,
};

/** What completes a `vision_config` section. */
export interface VisionContext {
  /** Rows of the stored position embedding (patches + 1): the image size when none is stated. */
  positionRows: number | undefined;
  /** preprocessor_config.json, whose mean and deviation hold where the section states none. */
  processor: Fields | undefined;
  /** The file is Hugging Face's own, which leaves out what equals CLIPVisionConfig's defaults. */
  huggingFace: boolean;
}

/** Reads a `vision_config` section, or stands in for a missing one with ViT-L/14. */
export function readVisionConfig(
  where: string,
  section: Fields | undefined,
  { positionRows, processor, huggingFace }: VisionContext,
): VisionConfig {
  const fields = section ?? new Fields(`${where}: vision_config`, {});
  const encoder = fields.text("encoder_type", "openai.clip");
  if (encoder !== "openai.clip") throw fields.refuse("encoder_type", '"openai.clip"');
  const modelType = fields.text("model_type", "");
  if (!["", "clip_vision_model"].includes(modelType))
    throw fields.refuse("model_type", '"clip_vision_model"');
  const base = section !== undefined && huggingFace ? HF_DEFAULTS : VIT_L_14;

  const patchSize = fields.integer("patch_size", base.patchSize, { max: 4096 });
  const config: VisionConfig = {
    hiddenSize: fields.integer("hidden_size", base.hiddenSize),
    intermediateSize: fields.integer("intermediate_size", base.intermediateSize),
    layers: fields.integer("num_hidden_layers", base.layers, { max: MAX_LAYERS }),
    heads: fields.integer("num_attention_heads", base.heads),
    imageSize: fields.integer("image_size", inferImageSize(patchSize, positionRows) ?? base.imageSize, {
      max: 65536,
    }),
    patchSize,
    layerNormEps: fields.positive("layer_norm_eps", base.layerNormEps, 1),
    activation: fields.oneOf("hidden_act", ["quick_gelu", "gelu"], base.activation),
    imageMean: fields.rgb("image_mean", processor?.rgb("image_mean", CLIP_MEAN) ?? CLIP_MEAN),
    imageStd: fields.rgb("image_std", processor?.rgb("image_std", CLIP_STD) ?? CLIP_STD),
  };
  checkVision(fields, config, positionRows);
  return config;
}

/** Patches per image: the grid is square. */
export function patchCount(vision: VisionConfig): number {
  return (vision.imageSize / vision.patchSize) ** 2;
}

function inferImageSize(patchSize: number, positionRows: number | undefined): number | undefined {
  const side = Math.sqrt((positionRows ?? 0) - 1);
  return Number.isInteger(side) && side > 0 ? side * patchSize : undefined;
}

function checkVision(fields: Fields, config: VisionConfig, positionRows: number | undefined): void {
  const { hiddenSize, heads, imageSize, patchSize, imageStd } = config;
  if (hiddenSize % heads !== 0) {
    throw fields.refuse("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`);
  }
  if (imageSize % patchSize !== 0) throw fields.refuse("image_size", `a multiple of patch_size ${patchSize}`);
  if (!imageStd.every((x) => x > 0)) throw fields.refuse("image_std", "three numbers above 0");
  if (positionRows !== undefined && positionRows !== patchCount(config) + 1) {
    throw checkpointError(
      `${fields.where}: image_size ${imageSize} with patches of ${patchSize} needs ${patchCount(config) + 1} position ` +
        `embeddings, but the weights have ${positionRows}. Config and weights belong to different models.`,
    );
  }
}
