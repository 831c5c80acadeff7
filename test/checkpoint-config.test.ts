import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Checkpoint, openCheckpoint } from "../lib/checkpoint/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { goldenPath } from "./support/paths.js";
import { type WritableTensor, writeSafetensors } from "./support/safetensors.js";

type Json = { [key: string]: unknown };
const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_CHECKPOINT", message });

type Config = Record<string, Record<string, unknown>>;
type Edit = (config: Config) => object;

/** Sets one field of one section. */
const set =
  (section: string, field: string, value: unknown): Edit =>
  (config) => ({ ...config, [section]: { ...config[section], [field]: value } });
/** Removes fields of one section. */
const unset =
  (section: string, ...fields: string[]): Edit =>
  (config) => ({
    ...config,
    [section]: Object.fromEntries(Object.entries(config[section]!).filter(([key]) => !fields.includes(key))),
  });

/** Opens a golden whose config.json was edited. */
function openEdited(golden: string, edit: Edit): Promise<Checkpoint> {
  return withTempFolder(async (temp) => {
    const folder = join(temp, "model");
    cpSync(goldenPath("models", golden), folder, { recursive: true });
    const path = join(folder, "config.json");
    const config = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify(edit(config)));
    return await openCheckpoint(folder);
  });
}

/** Opens a folder of JSON files and one safetensors file of zeros in the given shapes. */
function openMade(
  json: Record<string, Json>,
  shapes: Record<string, number[]>,
  dtype = "BF16",
): Promise<Checkpoint> {
  return withTempFolder(async (folder) => {
    const tensors = Object.entries(shapes).map(([name, shape]): [string, WritableTensor] => {
      return [name, { dtype, shape, data: Buffer.alloc(2 * shape.reduce((a, b) => a * b, 1)) }];
    });
    for (const [name, content] of Object.entries(json))
      writeFileSync(join(folder, name), JSON.stringify(content));
    writeSafetensors(join(folder, "weights.safetensors"), Object.fromEntries(tensors));
    return await openCheckpoint(folder);
  });
}

t.test("absurd values are refused by section and field", async (t) => {
  const refused: [string, string, unknown, RegExp][] = [
    ["text_config", "hidden_size", 0, /text_config: hidden_size is 0; expected an integer of 1 to 1000000/],
    ["text_config", "hidden_size", 1.5, /hidden_size is 1.5/],
    ["text_config", "hidden_size", "128", /hidden_size is "128"/],
    ["text_config", "intermediate_size", 1e7, /intermediate_size is 10000000/],
    ["text_config", "num_hidden_layers", 1001, /1 to 1000/],
    ["text_config", "num_hidden_layers", -1, /num_hidden_layers is -1/],
    ["text_config", "num_attention_heads", 3, /divisor of/],
    ["text_config", "num_key_value_heads", 3, /divisor of 2 heads/],
    ["text_config", "head_dim", 63, /even head dimension/],
    ["text_config", "rms_norm_eps", 0, /rms_norm_eps is 0/],
    ["text_config", "rope_theta", -1, /rope_theta is -1/],
    ["text_config", "rope_scaling", { type: "linear", factor: 2 }, /only plain RoPE/],
    ["text_config", "attention_bias", true, /attention_bias is true/],
    ["text_config", "model_type", "mistral", /model_type is "mistral"; expected "llama"/],
    ["text_config", "hidden_act", "gelu", /hidden_act is "gelu"/],
    ["text_config", "bos_token_id", -2, /bos_token_id is -2/],
    ["vision_config", "num_attention_heads", 3, /divisor of hidden_size 128/],
    ["vision_config", "image_size", 57, /multiple of patch_size 14/],
    ["vision_config", "image_size", 70, /needs 26 position embeddings, but the weights have 17/],
    ["vision_config", "image_std", [1, 0, 1], /image_std/],
    ["vision_config", "image_mean", [1, 0], /three numbers/],
    ["vision_config", "encoder_type", "siglip", /encoder_type is "siglip"/],
    ["vision_config", "hidden_act", "relu", /one of quick_gelu, gelu/],
    [
      "projector_config",
      "projector_type",
      "q-former",
      /projector_type is "q-former"; expected one of mlp, resampler, c-abs, d-abs/,
    ],
    ["projector_config", "feature_layer_index", 4, /indices of -4 to 3 for 3 vision layers/],
    ["projector_config", "feature_layer_index", -5, /indices of -4 to 3/],
    ["projector_config", "feature_layer_index", [1, 2], /one index: c-abs/],
    ["projector_config", "feature_layer_index", [], /a list of integers/],
    ["projector_config", "num_query_tokens", 10, /square number of visual tokens, not 10/],
    ["projector_config", "depth", -1, /depth is -1/],
    ["projector_config", "pos_emb", "yes", /pos_emb is "yes"; expected true or false/],
  ];
  for (const [section, field, value, message] of refused) {
    await t.rejects(
      openEdited("cabs-new", set(section, field, value)),
      refusal(message),
      `${section}.${field} = ${JSON.stringify(value)}`,
    );
  }
});

t.test("unknown and quantized models are named", async (t) => {
  await t.rejects(
    openEdited("cabs-new", (c) => ({ ...c, model_type: "qwen2" })),
    refusal(/model_type "qwen2" is not known/),
  );
  await t.rejects(
    openEdited("cabs-new", () => ({})),
    refusal(/model_type "" is not known/),
  );
  await t.rejects(
    openEdited("cabs-new", () => []),
    refusal(/must hold a JSON object/),
  );
  const quantized = (config: object): Edit => {
    return (c) => ({ ...c, quantization_config: config });
  };
  const refused: [config: object, message: RegExp][] = [
    [{ quant_method: "bitsandbytes" }, /quantized \("bitsandbytes"\)/],
    [{ bits: 4 }, /quantized \("an unnamed method"\)/],
    [{ quant_method: "awq" }, /group_size is missing/],
    [{ quant_method: "awq", group_size: -1 }, /group_size is -1/],
    [{ quant_method: "awq", group_size: 64, bits: 3 }, /bits is 3; expected 4/],
    [
      { quant_method: "awq", group_size: 64, version: "gemv_fast" },
      /version is "gemv_fast"; expected gemm or gemv/,
    ],
    [{ quant_method: "awq", group_size: 64, backend: "llm-awq" }, /backend is "llm-awq"/],
    [{ quant_method: "awq", group_size: 64, zero_point: false }, /zero_point is false/],
    [{ quant_method: "gptq", is_marlin_format: true }, /is_marlin_format is true/],
    [
      { quant_method: "gptq", checkpoint_format: "marlin" },
      /checkpoint_format is "marlin"; expected one of gptq, gptq_v2/,
    ],
    [{ quant_method: "gptq", format: "gptq_p" }, /format is "gptq_p"/],
    [{ quant_method: "gptq", pack_dtype: "int8" }, /pack_dtype is "int8"/],
    [{ quant_method: "gptq", group_size: 0 }, /group_size is 0/],
    [{ quant_method: "compressed-tensors", format: "pack-quantized" }, /format is "pack-quantized"/],
  ];
  for (const [config, message] of refused)
    await t.rejects(openEdited("cabs-new", quantized(config)), refusal(message), JSON.stringify(config));
  const json = { "config.json": { model_type: "llama" } };
  const shapes = { "model.layers.0.self_attn.q_proj.qweight": [1, 1] };
  await t.rejects(
    openMade(json, shapes),
    refusal(/q_proj\.qweight" is GPTQ's or AWQ's, but config\.json has no/),
  );
});

t.test("learned queries must agree with the config", async (t) => {
  const edit = set("projector_config", "num_query_tokens", 16);
  await t.rejects(openEdited("dabs-query", edit), refusal(/has 9 learned queries, but the config says 16/));
  await t.rejects(openEdited("resampler", edit), refusal(/has 6 learned queries, but the config says 16/));
  const forget = unset("projector_config", "num_query_tokens", "num_queries");
  t.equal((await openEdited("dabs-query", forget)).config.projector?.visualTokens, 9, "the weights know M");
  await t.rejects(openEdited("cabs-new", forget), refusal(/num_query_tokens is missing/));
  t.equal(
    (await openEdited("cabs-new", edit)).config.projector?.visualTokens,
    16,
    "C-Abs pools to any square",
  );
});

t.test("the weights decide the eos rows", async (t) => {
  const edit = (rows: number) => set("projector_config", "num_eos_tokens", rows);
  const { config, notes } = await openEdited("dabs-none", edit(0));
  t.equal(config.projector?.eosTokens, 1);
  t.match(notes, [/1 eos rows where the config says 0/]);
  t.equal((await openEdited("dabs-query", edit(3))).config.projector?.eosTokens, 0);
});

t.test("missing fields and sections take their defaults", async (t) => {
  const noImageSize = unset("vision_config", "image_size");
  t.equal(
    (await openEdited("cabs-heads", noImageSize)).config.vision?.imageSize,
    70,
    "from the position embeddings",
  );
  const noLayer = unset("projector_config", "feature_layer_index");
  t.same((await openEdited("linear", noLayer)).config.projector?.featureLayers, [3], "the last layer");
  const projector = { projector_config: { projector_type: "c-abs", num_query_tokens: 144 } };
  for (const [width, rows, size] of [
    [4096, 257, 224],
    [5120, 577, 336],
  ] as const) {
    const shapes = {
      "language_model.model.embed_tokens.weight": [2, width],
      "vision_model.vision_model.embeddings.position_embedding.weight": [rows, 1],
    };
    const { config } = await openMade({ "config.json": projector }, shapes);
    t.match(config, {
      vision: { hiddenSize: 1024, layers: 24, imageSize: size },
      text: { hiddenSize: width, layers: width === 4096 ? 32 : 40, rmsNormEps: 1e-5, contextLength: 4096 },
      projector: { depth: 3, mlpDepth: 2, hiddenSize: 1024, posEmb: true, featureLayers: [24] },
    });
  }
});

t.test("a plain Llama folder, tied", async (t) => {
  const config = {
    model_type: "llama",
    hidden_size: 8,
    num_attention_heads: 2,
    num_hidden_layers: 1,
    vocab_size: 4,
    tie_word_embeddings: true,
  };
  const json = { "config.json": config, "generation_config.json": { eos_token_id: [2, 3] } };
  const shapes = {
    "model.embed_tokens.weight": [4, 8],
    "lm_head.weight": [4, 8],
    "model.layers.0.self_attn.rotary_emb.inv_freq": [2],
    "model.layers.0.input_layernorm.weight": [8],
    "model.layers.1.input_layernorm.weight": [8],
    "score.weight": [1, 8],
  };
  const checkpoint = await openMade(json, shapes);
  t.match(checkpoint.config, {
    family: "llama",
    text: { tieWordEmbeddings: true, eosIds: [2, 3], kvHeads: 2, headDim: 4 },
  });
  t.equal(checkpoint.config.vision, undefined);
  t.same([...checkpoint.tensors.keys()], ["llm.embed_tokens.weight", "llm.layers.0.input_layernorm.weight"]);
  t.match(checkpoint.notes, [/"score.weight"/, /"llm.layers.1.input_layernorm.weight"/, /lm_head/]);
  await t.rejects(
    openMade(json, shapes, "I16"),
    refusal(/"model.embed_tokens.weight" has the dtype I16; F32, BF16 or F16/),
  );
});

t.test("LLaVA's later name styles mean the same", async (t) => {
  const config = JSON.parse(readFileSync(goldenPath("models", "llava", "config.json"), "utf8"));
  const canonical = [
    "llm.embed_tokens.weight",
    "llm.lm_head.weight",
    "projector.net.0.bias",
    "vision.pre_layrnorm.bias",
  ];
  const styles = [
    [
      "language_model.model.embed_tokens.weight",
      "language_model.lm_head.weight",
      "multi_modal_projector.linear_1.bias",
      "vision_tower.vision_model.pre_layrnorm.bias",
    ],
    [
      "model.language_model.embed_tokens.weight",
      "lm_head.weight",
      "model.multi_modal_projector.linear_1.bias",
      "model.vision_tower.vision_model.pre_layrnorm.bias",
    ],
    [
      "model.language_model.embed_tokens.weight",
      "lm_head.weight",
      "model.multi_modal_projector.linear_1.bias",
      "model.vision_tower.pre_layrnorm.bias",
    ],
  ];
  for (const names of styles) {
    const { tensors } = await openMade(
      { "config.json": config },
      Object.fromEntries(names.map((name) => [name, [1, 1]])),
    );
    t.same([...tensors.keys()].sort(), canonical);
  }
  const twice = { "vision_tower.pre_layrnorm.bias": [1], "vision_tower.vision_model.pre_layrnorm.bias": [1] };
  await t.rejects(openMade({ "config.json": config }, twice), refusal(/are the same tensor/));
});
