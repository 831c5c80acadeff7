import type { JsonObject } from "./json.js";
import type { Checkpoint, ModelConfig, ProjectorConfig, TextConfig, VisionConfig } from "./types.js";

/** config.json of a checkpoint, in the style of its family; reading it back gives an equal ModelConfig. */
export function configJson({ config, imageTokenId }: Checkpoint): JsonObject {
  const { family, vision, projector } = config;
  const text = textJson(config.text);
  if (family === "llama") return { architectures: ["LlamaForCausalLM"], model_type: "llama", ...text };
  if (family === "llava") {
    return {
      architectures: ["LlavaForConditionalGeneration"],
      model_type: "llava",
      image_token_index: imageTokenId,
      vision_feature_layer: projector!.featureLayers[0],
      vision_feature_select_strategy: "default",
      projector_hidden_act: "gelu",
      vision_config: { model_type: "clip_vision_model", ...visionJson(vision!) },
      text_config: { model_type: "llama", ...text },
    };
  }
  return {
    architectures: ["HoneybeeForConditionalGeneration"],
    vision_config: { encoder_type: "openai.clip", ...visionJson(vision!) },
    projector_config: projectorJson(config),
    lm_config: {},
    text_config: { model_type: "llama", ...text },
  };
}

function visionJson(vision: VisionConfig): JsonObject {
  return {
    hidden_size: vision.hiddenSize,
    intermediate_size: vision.intermediateSize,
    num_hidden_layers: vision.layers,
    num_attention_heads: vision.heads,
    image_size: vision.imageSize,
    patch_size: vision.patchSize,
    layer_norm_eps: vision.layerNormEps,
    hidden_act: vision.activation,
    image_mean: vision.imageMean,
    image_std: vision.imageStd,
  };
}

function textJson(text: TextConfig): JsonObject {
  return {
    hidden_size: text.hiddenSize,
    intermediate_size: text.intermediateSize,
    num_hidden_layers: text.layers,
    num_attention_heads: text.heads,
    num_key_value_heads: text.kvHeads,
    head_dim: text.headDim,
    vocab_size: text.vocabSize,
    max_position_embeddings: text.contextLength,
    rms_norm_eps: text.rmsNormEps,
    rope_theta: text.ropeTheta,
    hidden_act: "silu",
    tie_word_embeddings: text.tieWordEmbeddings,
    bos_token_id: text.bosId,
    eos_token_id: text.eosIds.length === 1 ? text.eosIds[0] : text.eosIds,
  };
}

function projectorJson({ projector, vision }: ModelConfig): JsonObject {
  const { type, featureLayers, visualTokens, eosTokens, outputSize, posEmb } = projector!;
  return {
    projector_type: type,
    feature_layer_index: featureLayers.length === 1 ? featureLayers[0] : featureLayers,
    num_query_tokens: visualTokens,
    num_eos_tokens: eosTokens,
    encoder_hidden_size: vision!.hiddenSize,
    output_hidden_size: outputSize,
    pos_emb: posEmb,
    ...OWN_FIELDS[type](projector!),
  };
}

const OWN_FIELDS: Record<ProjectorConfig["type"], (projector: ProjectorConfig) => JsonObject> = {
  mlp: ({ depth, prenorm }) => ({ depth, prenorm }),
  resampler: ({ hiddenSize, depth, heads, ffnSize, layerNormEps }) => ({
    hidden_size: hiddenSize,
    num_hidden_layers: depth,
    num_attention_heads: heads,
    intermediate_size: ffnSize,
    layer_norm_eps: layerNormEps,
  }),
  "c-abs": ({ hiddenSize, depth, mlpDepth, prenorm }) => ({
    hidden_size: hiddenSize,
    depth,
    mlp_depth: mlpDepth,
    prenorm,
  }),
  "d-abs": ({ hiddenSize, depth, heads, points, ffnSize, pooledTarget, featureLayers, visualTokens }) => ({
    d_model: hiddenSize,
    decoder_layers: depth,
    decoder_attention_heads: heads,
    decoder_n_points: points,
    decoder_ffn_dim: ffnSize,
    pooled_v_target: pooledTarget,
    num_feature_levels: featureLayers.length,
    num_queries: visualTokens,
    activation_function: "relu",
  }),
};
