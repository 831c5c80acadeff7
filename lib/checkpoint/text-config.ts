import { type Fields, MAX_LAYERS } from "./fields.js";
import type { TextConfig } from "./types.js";

/** Vicuna 7B v1.5 (Llama 2 7B). */
export const VICUNA_7B: TextConfig = {
  hiddenSize: 4096,
  intermediateSize: 11008,
  layers: 32,
  heads: 32,
  kvHeads: 32,
  headDim: 128,
  vocabSize: 32000,
  contextLength: 4096,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  tieWordEmbeddings: false,
  bosId: 1,
  eosIds: [2],
};

/** Vicuna 13B v1.5 (Llama 2 13B). */
export const VICUNA_13B: TextConfig = {
  ...VICUNA_7B,
  hiddenSize: 5120,
  intermediateSize: 13824,
  layers: 40,
  heads: 40,
  kvHeads: 40,
};

/** LlamaConfig of transformers 4.38.1: Hugging Face files omit fields that equal it. */
const HF_DEFAULTS: TextConfig = { ...VICUNA_7B, contextLength: 2048, rmsNormEps: 1e-6 };

/**
 * Reads a Llama config, or stands in for a missing one with Vicuna v1.5.
 *
 * @param embedding shape of the stored embedding table, which tells 7B from 13B when the section is missing
 * @param generation generation_config.json, whose end tokens count before the model's own
 */
export function readTextConfig(
  section: Fields | undefined,
  embedding: readonly number[] | undefined,
  generation: Fields | undefined,
): TextConfig {
  if (section === undefined) {
    return structuredClone(embedding?.[1] === VICUNA_13B.hiddenSize ? VICUNA_13B : VICUNA_7B);
  }
  refuseVariants(section);
  const heads = section.integer("num_attention_heads", HF_DEFAULTS.heads);
  const hiddenSize = section.integer("hidden_size", HF_DEFAULTS.hiddenSize);
  const kvHeads = section.integer("num_key_value_heads", heads);
  if (heads % kvHeads !== 0) throw section.refuse("num_key_value_heads", `a divisor of ${heads} heads`);
  if (!section.has("head_dim") && hiddenSize % heads !== 0) {
    throw section.refuse("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`);
  }
  const headDim = section.integer("head_dim", hiddenSize / heads, { max: 4096 });
  if (headDim % 2 !== 0) {
    throw section.refuse(
      section.has("head_dim") ? "head_dim" : "hidden_size",
      "an even head dimension (RoPE)",
    );
  }
  const eosSource = generation?.has("eos_token_id") ? generation : section;
  return {
    hiddenSize,
    intermediateSize: section.integer("intermediate_size", HF_DEFAULTS.intermediateSize),
    layers: section.integer("num_hidden_layers", HF_DEFAULTS.layers, { max: MAX_LAYERS }),
    heads,
    kvHeads,
    headDim,
    vocabSize: section.integer("vocab_size", HF_DEFAULTS.vocabSize, { max: 1e7 }),
    contextLength: section.integer("max_position_embeddings", HF_DEFAULTS.contextLength, { max: 1e8 }),
    rmsNormEps: section.positive("rms_norm_eps", HF_DEFAULTS.rmsNormEps, 1),
    ropeTheta: readRopeTheta(section),
    tieWordEmbeddings: section.boolean("tie_word_embeddings", false),
    bosId: section.integer("bos_token_id", HF_DEFAULTS.bosId, { min: 0, max: 1e7 }),
    eosIds: readEosIds(eosSource),
  };
}

function readEosIds(fields: Fields): number[] {
  const ids = fields.integers("eos_token_id", HF_DEFAULTS.eosIds);
  if (ids.some((id) => id < 0)) throw fields.refuse("eos_token_id", "token ids, which are not negative");
  return [...new Set(ids)];
}

/** Settings that the decoder does not compute would give wrong answers in silence. */
function refuseVariants(fields: Fields): void {
  if (!["", "llama"].includes(fields.text("model_type", ""))) throw fields.refuse("model_type", '"llama"');
  if (fields.text("hidden_act", "silu") !== "silu") throw fields.refuse("hidden_act", '"silu"');
  for (const key of ["attention_bias", "mlp_bias"]) {
    if (fields.boolean(key, false)) throw fields.refuse(key, "false: biases are not computed");
  }
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const scaling = fields.section(key);
    const type = scaling?.text("rope_type", scaling.text("type", "default"));
    if (type !== undefined && type !== "default") {
      throw fields.refuse(key, "no scaling: only plain RoPE is computed");
    }
  }
}

/** transformers 5 moved rope_theta into rope_parameters. */
function readRopeTheta(fields: Fields): number {
  const fallback = fields.section("rope_parameters")?.positive("rope_theta", HF_DEFAULTS.ropeTheta, 1e12);
  return fields.positive("rope_theta", fallback ?? HF_DEFAULTS.ropeTheta, 1e12);
}
