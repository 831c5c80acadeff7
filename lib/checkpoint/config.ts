import { join } from "node:path";
import { checkpointError, show } from "./fail.js";
import { Fields, MAX_WIDTH } from "./fields.js";
import { isObject, type JsonObject, readJsonIfPresent } from "./json.js";
import { plainProjector, readProjectorConfig, resolveFeatureLayers } from "./projector-config.js";
import { type Quantization, readQuantization } from "./quantization.js";
import { readTextConfig } from "./text-config.js";
import type { ModelConfig, ModelFamily, ProjectorConfig, TextConfig, VisionConfig } from "./types.js";
import { readVisionConfig } from "./vision-config.js";

/** The JSON files of a checkpoint folder, parsed and classified but not yet interpreted. */
export interface ConfigFiles {
  path: string;
  family: ModelFamily;
  /** "old-style config", for `layout`. */
  style: string;
  root: Fields;
  quantization: Quantization | undefined;
  generation: Fields | undefined;
  processor: Fields | undefined;
}

/** Shape of a stored tensor by canonical name; configs that leave sizes out are completed from it. */
export type ShapeOf = (canonicalName: string) => readonly number[] | undefined;

/** Reads config.json and what lies beside it, and says which family of models it describes. */
export async function readConfigFiles(folder: string): Promise<ConfigFiles> {
  const path = join(folder, "config.json");
  const json = await readJsonIfPresent(path);
  if (json === undefined) throw checkpointError(`${path} does not exist; a checkpoint folder holds one.`);
  const { family, style } = classify(path, json);
  const beside = async (name: string) => {
    const content = await readJsonIfPresent(join(folder, name));
    return content && new Fields(join(folder, name), content);
  };
  const root = new Fields(path, json);
  return {
    path,
    family,
    style,
    root,
    quantization: await readQuantization(folder, root),
    generation: await beside("generation_config.json"),
    processor: family === "llava" ? await beside("preprocessor_config.json") : undefined,
  };
}

function classify(path: string, json: JsonObject): { family: ModelFamily; style: string } {
  const modelType = json.model_type ?? "";
  if (modelType === "mllm") return { family: "honeybee", style: "old-style config" };
  if (modelType === "llava") return { family: "llava", style: "Hugging Face LLaVA config" };
  if (modelType === "llama") return { family: "llama", style: "Hugging Face Llama config" };
  if (modelType === "" || modelType === "honeybee") {
    if (isObject(json.projector_config)) return { family: "honeybee", style: "new-style config" };
    if (isObject(json.visual_projector_config)) return { family: "honeybee", style: "old-style config" };
  }
  throw checkpointError(
    `${path}: model_type ${show(modelType)} is not known; expected a Honeybee config (with projector_config or ` +
      'visual_projector_config), "llava" or "llama".',
  );
}

/** Normalises a config of any style; `shapeOf` completes and checks it against the weights. */
export function readModelConfig(files: ConfigFiles, shapeOf: ShapeOf): ModelConfig {
  const { family, path, root, generation } = files;
  const embedding = shapeOf("llm.embed_tokens.weight");
  const section = family === "llama" ? root : root.section("text_config");
  const text = readTextConfig(section, embedding, generation);
  if (family === "llama") return { family, text, preprocessing: "squash" };

  const positionRows = shapeOf("vision.embeddings.position_embedding.weight")?.[0];
  const vision = readVisionConfig(path, root.section("vision_config"), {
    positionRows,
    processor: files.processor,
    huggingFace: family === "llava",
  });
  if (family === "llava") {
    const projector = readLlavaProjector(root, vision, text);
    return { family, vision, projector, text, preprocessing: "shortest-edge-crop" };
  }
  const fields = root.section("projector_config") ?? root.section("visual_projector_config");
  if (fields === undefined) throw root.refuse("projector_config", "the projector's config");
  const projector = readProjectorConfig(fields, {
    vision,
    text,
    queryRows:
      shapeOf("projector.query_position_embeddings.weight")?.[0] ?? shapeOf("projector.query_tokens")?.[1],
    queryTokens: root.has("num_query_tokens")
      ? root.integer("num_query_tokens", undefined, { max: MAX_WIDTH })
      : undefined,
  });
  return { family, vision, projector, text, preprocessing: "squash" };
}

/** LLaVA-1.5 in Hugging Face's format: a two-layer MLP with exact GELU, CLS dropped. */
function readLlavaProjector(root: Fields, vision: VisionConfig, text: TextConfig): ProjectorConfig {
  root.oneOf("vision_feature_select_strategy", ["default"], "default");
  root.oneOf("projector_hidden_act", ["gelu"], "gelu");
  if (!root.boolean("multimodal_projector_bias", true))
    throw root.refuse("multimodal_projector_bias", "true");
  const key = "vision_feature_layer";
  const featureLayers = root.has(key) ? resolveFeatureLayers(root, key, vision) : [vision.layers - 1];
  if (featureLayers.length !== 1) throw root.refuse(key, "one index");
  return { ...plainProjector(vision, text), featureLayers, depth: 2, activation: "gelu" };
}

/** LLaVA's placeholder id, 32000 unless the config says otherwise. */
export function readImageTokenId(root: Fields): number {
  const key = root.has("image_token_index") ? "image_token_index" : "image_token_id";
  return root.integer(key, 32000, { min: 0, max: 1e7 });
}
