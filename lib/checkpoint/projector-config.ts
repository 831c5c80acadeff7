import { type Fields, MAX_LAYERS, MAX_WIDTH } from "./fields.js";
import type { ProjectorConfig, TextConfig, VisionConfig } from "./types.js";
import { patchCount } from "./vision-config.js";

/** What a projector depends on beside its own section. */
export interface ProjectorContext {
  vision: VisionConfig;
  text: TextConfig;
  /** Learned queries in the weights (d-abs, resampler); stands in for a missing count. */
  queryRows: number | undefined;
  /** Top-level num_query_tokens of the old style. */
  queryTokens: number | undefined;
}

/** `-1` is the last layer, `0` the embeddings; hidden_states has one entry more than there are layers. */
export function resolveFeatureLayers(fields: Fields, key: string, vision: VisionConfig): number[] {
  const states = vision.layers + 1;
  return fields.integers(key, [-1]).map((index) => {
    if (index < -states || index >= states) {
      throw fields.refuse(key, `indices of -${states} to ${states - 1} for ${vision.layers} vision layers`);
    }
    return index < 0 ? index + states : index;
  });
}

/** The fields every projector has, with zeros where a type has no say. */
export function plainProjector(vision: VisionConfig, text: TextConfig): ProjectorConfig {
  return {
    type: "mlp",
    featureLayers: [vision.layers],
    outputSize: text.hiddenSize,
    visualTokens: patchCount(vision),
    eosTokens: 0,
    posEmb: false,
    prenorm: false,
    hiddenSize: vision.hiddenSize,
    depth: 1,
    mlpDepth: 0,
    heads: 0,
    points: 0,
    ffnSize: 0,
    pooledTarget: "none",
    activation: "silu",
    layerNormEps: 1e-6,
  };
}

/**
 * Reads `projector_config` (new style) or `visual_projector_config` (old style). Absent fields have the
 * values of the released training configs. `eosTokens` is what the config says; the weights decide later.
 */
export function readProjectorConfig(fields: Fields, context: ProjectorContext): ProjectorConfig {
  const { vision, text } = context;
  const type = fields.oneOf("projector_type", ["mlp", "resampler", "c-abs", "d-abs"]);
  const common: ProjectorConfig = {
    ...plainProjector(vision, text),
    type,
    featureLayers: resolveFeatureLayers(fields, "feature_layer_index", vision),
    eosTokens: fields.integer("num_eos_tokens", 0, { min: 0, max: 4096 }),
  };
  if (type !== "d-abs" && common.featureLayers.length !== 1) {
    throw fields.refuse("feature_layer_index", `one index: ${type} has one feature level`);
  }
  return READERS[type](fields, common, context);
}

type Reader = (fields: Fields, common: ProjectorConfig, context: ProjectorContext) => ProjectorConfig;

const READERS: Record<ProjectorConfig["type"], Reader> = {
  mlp: (fields, common) => ({
    ...common,
    depth: fields.integer("depth", 2, { max: MAX_LAYERS }),
    posEmb: fields.boolean("pos_emb", false),
    prenorm: fields.boolean("prenorm", false),
  }),

  resampler: (fields, common, context) => {
    const hiddenSize = fields.integer("hidden_size", 1024);
    return {
      ...common,
      visualTokens: readVisualTokens(fields, context),
      posEmb: fields.boolean("pos_emb", false),
      hiddenSize,
      depth: fields.integer("num_hidden_layers", 6, { max: MAX_LAYERS }),
      heads: readHeads(fields, "num_attention_heads", 16, hiddenSize),
      ffnSize: fields.integer("intermediate_size", 4096),
      layerNormEps: fields.positive("layer_norm_eps", 1e-6, 1),
    };
  },

  "c-abs": (fields, common, context) => ({
    ...common,
    visualTokens: requireSquare(fields, readVisualTokens(fields, context)),
    posEmb: fields.boolean("pos_emb", true),
    prenorm: fields.boolean("prenorm", false),
    hiddenSize: fields.integer("hidden_size", 1024),
    depth: fields.integer("depth", 3, { min: 0, max: MAX_LAYERS }),
    mlpDepth: fields.integer("mlp_depth", 2, { max: MAX_LAYERS }),
  }),

  "d-abs": (fields, common, context) => {
    const levels = fields.integer("num_feature_levels", 1, { max: MAX_LAYERS });
    if (levels !== common.featureLayers.length) {
      throw fields.refuse(
        "num_feature_levels",
        `${common.featureLayers.length}, as feature_layer_index lists`,
      );
    }
    if (fields.text("activation_function", "relu") !== "relu")
      throw fields.refuse("activation_function", '"relu"');
    const hiddenSize = fields.integer("d_model", 1024);
    const pooledTarget = fields.oneOf("pooled_v_target", ["query", "tgt", "none"], "query");
    const visualTokens = readVisualTokens(fields, context);
    return {
      ...common,
      visualTokens: pooledTarget === "none" ? visualTokens : requireSquare(fields, visualTokens),
      posEmb: fields.boolean("pos_emb", true),
      hiddenSize,
      depth: fields.integer("decoder_layers", 6, { max: MAX_LAYERS }),
      heads: readHeads(fields, "decoder_attention_heads", 8, hiddenSize),
      points: fields.integer("decoder_n_points", 4, { max: 4096 }),
      ffnSize: fields.integer("decoder_ffn_dim", 1024),
      pooledTarget,
    };
  },
};

/** M: the old style keeps it at the top level or as num_queries. */
function readVisualTokens(fields: Fields, context: ProjectorContext): number {
  if (context.queryTokens !== undefined) return context.queryTokens;
  const key = ["num_query_tokens", "num_queries"].find((name) => fields.has(name)) ?? "num_query_tokens";
  return fields.integer(key, context.queryRows, { max: MAX_WIDTH });
}

function requireSquare(fields: Fields, tokens: number): number {
  if (Number.isInteger(Math.sqrt(tokens))) return tokens;
  throw fields.refuse("num_query_tokens", `a square number of visual tokens, not ${tokens}`);
}

function readHeads(fields: Fields, key: string, fallback: number, width: number): number {
  const heads = fields.integer(key, fallback);
  if (width % heads !== 0) throw fields.refuse(key, `a divisor of the width ${width}`);
  return heads;
}
