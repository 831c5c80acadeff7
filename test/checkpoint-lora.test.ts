import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openCheckpoint } from "../lib/checkpoint/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { goldenPath } from "./support/paths.js";
import { float32Tensor, type WritableTensor, writeSafetensors } from "./support/safetensors.js";

const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_CHECKPOINT", message });

/** A copy of the golden adapter and its base; `use` gets the folder that holds both. */
function withAdapter(use: (folder: string) => Promise<void>): Promise<void> {
  return withTempFolder(async (temp) => {
    const folder = join(temp, "lora");
    cpSync(goldenPath("models", "lora"), folder, { recursive: true });
    await use(folder);
  });
}

function editSettings(folder: string, change: object): void {
  const path = join(folder, "last", "adapter_config.json");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
}

const PREFIX = "base_model.model.language_model.model.layers.0.self_attn.q_proj";
const zeros = (...shape: number[]): WritableTensor =>
  float32Tensor(shape, Array(shape.reduce((a, b) => a * b)).fill(0));

/** Replaces the adapter's weights by a safetensors file. */
function writeAdapter(folder: string, tensors: Record<string, WritableTensor>): void {
  rmSync(join(folder, "last", "adapter_model.bin"), { force: true });
  writeSafetensors(join(folder, "last", "adapter_model.safetensors"), tensors);
}

t.test("the base is found by name near the adapter, else beside it", async (t) => {
  await withAdapter(async (folder) => {
    renameSync(join(folder, "base"), join(folder, "vicuna"));
    await t.rejects(
      openCheckpoint(folder),
      refusal(/the base model "" was not found; put its folder.*base\.$/),
    );
    for (const name of ["vicuna", "../vicuna", "./vicuna", join(folder, "vicuna")]) {
      editSettings(folder, { base_model_name_or_path: name });
      t.match(
        (await openCheckpoint(folder)).files,
        [/vicuna\/model\.safetensors$/, /adapter_model\.bin$/],
        name,
      );
    }
    editSettings(folder, { base_model_name_or_path: "lmsys/vicuna-7b-v1.5" });
    await t.rejects(openCheckpoint(folder), refusal(/"lmsys\/vicuna-7b-v1\.5" was not found/));
    renameSync(join(folder, "vicuna"), join(folder, "base"));
    t.match((await openCheckpoint(folder)).files, [/base\/model\.safetensors$/, /adapter_model\.bin$/]);
  });
});

t.test("scale is alpha / r, or alpha / sqrt(r) when rank-stabilised", async (t) => {
  await withAdapter(async (folder) => {
    const scaleOf = async () =>
      (await openCheckpoint(folder)).tensors.get("llm.layers.0.self_attn.q_proj.weight")?.lora?.scale;
    t.equal(await scaleOf(), 4);
    editSettings(folder, { use_rslora: true });
    t.equal(await scaleOf(), 8);
  });
});

t.test("settings that change the arithmetic are refused", async (t) => {
  await withAdapter(async (folder) => {
    const good = {
      use_dora: false,
      fan_in_fan_out: false,
      bias: "none",
      peft_type: "LORA",
      rank_pattern: {},
      r: 4,
      lora_alpha: 16,
    };
    for (const [key, value] of [
      ["use_dora", true],
      ["fan_in_fan_out", true],
      ["bias", "all"],
      ["peft_type", "IA3"],
      ["rank_pattern", { q_proj: 8 }],
      ["r", 0],
      ["r", 8],
      ["lora_alpha", null],
    ] as const) {
      editSettings(folder, { ...good, [key]: value });
      await t.rejects(
        openCheckpoint(folder),
        refusal(new RegExp(key === "r" && value === 8 ? "of rank 8 do not fit" : key)),
        key,
      );
    }
  });
});

t.test("newer names, and full tensors in place of the base's", async (t) => {
  await withAdapter(async (folder) => {
    writeAdapter(folder, {
      [`${PREFIX}.lora_A.default.weight`]: zeros(4, 64),
      [`${PREFIX}.lora_B.default.weight`]: zeros(64, 4),
      "base_model.model.abstractor.modules_to_save.default.readout.0.bias": zeros(64),
      "base_model.model.nothing.weight": zeros(1),
    });
    const { tensors, notes } = await openCheckpoint(folder);
    t.equal(tensors.get("llm.layers.0.self_attn.q_proj.weight")?.lora?.scale, 4);
    t.match(tensors.get("projector.readout.0.bias"), { file: 1, dtype: "F32" });
    t.match(notes, [/"base_model\.model\.nothing\.weight"/, /rank 4 into 1 matrices/]);
  });
});

t.test("pairs that do not fit are named", async (t) => {
  const a = zeros(4, 64);
  const b = zeros(64, 4);
  const refused: [Record<string, WritableTensor>, RegExp][] = [
    [{ [`${PREFIX}.lora_A.weight`]: a }, /has only lora_A of llm\.layers\.0\.self_attn\.q_proj/],
    [{ [`${PREFIX}.lora_B.weight`]: b }, /has only lora_B/],
    [
      { [`${PREFIX}.lora_A.weight`]: zeros(4, 63), [`${PREFIX}.lora_B.weight`]: b },
      /lora_A \[4, 63\] .* do not fit/,
    ],
    [{ [`${PREFIX}.lora_A.weight`]: a, [`${PREFIX}.lora_B.weight`]: zeros(64, 5) }, /lora_B \[64, 5\]/],
    [{ [`${PREFIX}.lora_A.weight`]: a, [`${PREFIX}.lora_A.default.weight`]: a }, /adapts .* twice/],
    [
      {
        [`${PREFIX.replace("layers.0", "layers.9")}.lora_A.weight`]: a,
        [`${PREFIX.replace("layers.0", "layers.9")}.lora_B.weight`]: b,
      },
      /the base model lacks llm\.layers\.9/,
    ],
    [{ "base_model.model.other.lora_A.weight": a }, /adapts a layer that the model does not have/],
    [{ [`${PREFIX}.lora_embedding_A`]: a }, /a kind of adapter that is not known/],
    [{ "language_model.lora_A.weight": a }, /does not begin with base_model\.model\./],
    [
      { "base_model.model.abstractor.readout.0.bias": zeros(63) },
      /shape \[63\], the base model's has \[64\]/,
    ],
  ];
  await withAdapter(async (folder) => {
    for (const [tensors, message] of refused) {
      writeAdapter(folder, tensors);
      await t.rejects(openCheckpoint(folder), refusal(message), String(message));
    }
    rmSync(join(folder, "last", "adapter_model.safetensors"));
    await t.rejects(openCheckpoint(folder), refusal(/adapter_model\.safetensors or adapter_model\.bin/));
  });
});
