// Folders that cannot be loaded: refused with a code, naming file, tensor or field, and nothing stays behind.
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type ErrorCode, loadModel } from "../lib/index.js";
import { Engine } from "../lib/model/engine.js";
import { resolveModel } from "../lib/model/resolve.js";
import { nativeSpec } from "../lib/model/spec.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { type Edits, editedModel, textModel } from "./support/edited-model.js";
import { refused } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";

type Section = Record<string, unknown>;

/** A fault in config.json: the section, the field and its value. */
const setField =
  (section: "" | "text_config" | "vision_config" | "projector_config", key: string, value: unknown) =>
  (config: Section): void => {
    const fields = section ? (config[section] as Section) : config;
    fields[key] = value;
  };

async function refuseEdited(
  t: Parameters<typeof refused>[0],
  edits: Edits,
  code: ErrorCode,
  ...named: (string | RegExp)[]
): Promise<void> {
  await withTempFolder((folder) =>
    refused(t, loadModel(editedModel("linear", folder, edits), { weights: "f32" }), code, ...named),
  );
}

t.test("tensors that are missing, wrong or of another model", async (t) => {
  const up = "language_model.model.layers.1.mlp.up_proj.weight";
  const missing = { tensors: (table: Section) => delete table[up] } as Edits;
  await refuseEdited(
    t,
    missing,
    "ERR_CHECKPOINT",
    /lacks tensor "llm\.layers\.1\.mlp\.up_proj\.weight" \[172, 64\]/,
  );
  const edits: Edits = {
    tensors(table) {
      table[up] = { ...table[up]!, shape: [64, 172] };
    },
  };
  await refuseEdited(t, edits, "ERR_CHECKPOINT", "model.safetensors", "up_proj", "[64, 172]", "[172, 64]");
  const typed = (dtype: string, bytes: number): Edits => ({
    tensors(table) {
      table[up] = { dtype, shape: [172, 64], data: new Uint8Array(172 * 64 * bytes) };
    },
  });
  await refuseEdited(t, typed("I16", 2), "ERR_CHECKPOINT", "up_proj", "I16", "BF16");
  await refuseEdited(t, typed("I8", 1), "ERR_CHECKPOINT", "up_proj", "weight_scale", "beside it");
});

t.test("configs that no model has", async (t) => {
  const bad: [edit: (config: Section) => void, code: ErrorCode, ...named: (string | RegExp)[]][] = [
    [setField("text_config", "hidden_size", 2 ** 40), "ERR_CHECKPOINT", "config.json", "hidden_size"],
    [setField("text_config", "hidden_size", 128), "ERR_CHECKPOINT", "[64, 64]", "[128, 64]"],
    [setField("text_config", "num_hidden_layers", 1e9), "ERR_CHECKPOINT", "num_hidden_layers"],
    [setField("text_config", "num_hidden_layers", 3), "ERR_CHECKPOINT", "llm.layers.2"],
    [setField("text_config", "num_attention_heads", 3), "ERR_CHECKPOINT", "num_attention_heads"],
    [setField("text_config", "num_attention_heads", -1), "ERR_CHECKPOINT", "num_attention_heads", "-1"],
    [setField("text_config", "vocab_size", 1000), "ERR_TOKENIZER", "512", "1000"],
    [setField("text_config", "vocab_size", 300), "ERR_TOKENIZER", "512", "300"],
    [setField("text_config", "vocab_size", 520), "ERR_CHECKPOINT", "[512, 64]", "[520, 64]"],
    [setField("text_config", "rms_norm_eps", 0), "ERR_CHECKPOINT", "rms_norm_eps"],
    [
      setField("text_config", "max_position_embeddings", 1e8),
      "ERR_OUT_OF_MEMORY",
      "KV cache",
      "shorter context",
    ],
    [setField("vision_config", "patch_size", 0), "ERR_CHECKPOINT", "patch_size"],
    [
      setField("vision_config", "image_size", 56_000),
      "ERR_CHECKPOINT",
      "image_size 56000",
      "position embeddings",
    ],
    [setField("vision_config", "num_hidden_layers", "three"), "ERR_CHECKPOINT", "num_hidden_layers", "three"],
    [setField("vision_config", "hidden_act", "swoosh"), "ERR_CHECKPOINT", "hidden_act", "swoosh"],
    [setField("vision_config", "image_std", [0, 0, 0]), "ERR_CHECKPOINT", "image_std"],
    [setField("projector_config", "projector_type", "e-abs"), "ERR_CHECKPOINT", "projector_type", "e-abs"],
    [setField("projector_config", "feature_layer_index", 40), "ERR_CHECKPOINT", "feature_layer_index", "40"],
    [setField("", "model_type", "blip"), "ERR_CHECKPOINT", "model_type", "blip"],
  ];
  for (const [config, code, ...named] of bad) await refuseEdited(t, { config }, code, ...named);
});

t.test("files that are missing, empty, cut or something else", async (t) => {
  const source = readFileSync(goldenPath("models", "linear", "model.safetensors"));
  const contents: [bytes: Buffer, ...named: string[]][] = [
    [Buffer.alloc(0), "model.safetensors"],
    [source.subarray(0, 100), "model.safetensors"],
    [source.subarray(0, -1), "model.safetensors"],
    [Buffer.from("<html>404 not found</html>"), "model.safetensors"],
  ];
  for (const [bytes, ...named] of contents) {
    await withTempFolder(async (folder) => {
      const copy = editedModel("linear", folder, {});
      writeFileSync(join(copy, "model.safetensors"), bytes);
      await refused(t, loadModel(copy), "ERR_CHECKPOINT", ...named);
    });
  }
});

t.test("a file that shrinks after it was opened", async (t) => {
  await withTempFolder(async (folder) => {
    const copy = editedModel("linear", folder, {});
    const resolved = await resolveModel(copy, {});
    truncateSync(join(copy, "model.safetensors"), 300_000);
    await refused(
      t,
      Engine.load(nativeSpec(resolved, {})),
      "ERR_CHECKPOINT",
      "model.safetensors",
      "300000 bytes",
    );
  });
});

t.test("a tokenizer of another vocabulary, or none", async (t) => {
  const linear = goldenPath("models", "linear");
  const tokenizer = goldenPath("tokenizer", "small.model");
  await refused(t, loadModel(linear, { tokenizer }), "ERR_TOKENIZER", /\d+ ids/, "512", "tokenizer option");
  const wrong = goldenPath("models", "linear", "config.json");
  await refused(t, loadModel(linear, { tokenizer: wrong }), "ERR_TOKENIZER", "config.json");
});

t.test("a broken checkpoint leaves nothing behind", async (t) => {
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const threads = () => readdirSync("/proc/self/task").length;
  await withTempFolder(async (folder) => {
    const copy = editedModel("linear", folder, { config: setField("text_config", "num_hidden_layers", 3) });
    const attempt = () => refused(t, loadModel(copy), "ERR_CHECKPOINT", "llm.layers.2");
    await attempt();
    const before = [descriptors(), threads()];
    for (let i = 0; i < 5; i++) await attempt();
    t.same([descriptors(), threads()], before, "no file and no thread stays open");
  });
});

t.test("a text-only model", async (t) => {
  await withTempFolder(async (folder) => {
    const model = await loadModel(textModel("linear", folder), { weights: "f32" });
    const picture = goldenPath("images", "a.png");
    const generate = (prompt: string, images?: string[]) =>
      model.generate({ prompt, images, maxTokens: 4, ignoreEos: true }).result;
    await refused(t, generate("Hi", [picture]), "ERR_OPTION", "text-only");
    await refused(t, model.encodeImage(picture), "ERR_OPTION", "text-only");
    t.equal((await generate("Hi <image>")).usage.imageTokens, 0, "<image> is a text like any other");
    await refused(
      t,
      model.chat({ messages: [{ role: "user", content: "Hi" }] }).result,
      "ERR_OPTION",
      "template",
    );
    await model.dispose();
  });
});
