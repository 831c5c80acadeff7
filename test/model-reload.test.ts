// What counts as the same model: loads of it share one engine, loads of anything else do not.
import { readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { loadModel, type Model } from "../lib/index.js";
import { resolveModel } from "../lib/model/resolve.js";
import { nativeSpec } from "../lib/model/spec.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { type Edits, editedModel } from "./support/edited-model.js";
import { SHORT_PROMPT } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";
import { float32Tensor } from "./support/safetensors.js";

/** Seconds since 1970; not now. */
const LONG_AGO = 1_000_000_000;

const load = (path: string) => loadModel(path, { weights: "f32" });

async function answer(model: Model): Promise<number[]> {
  const generation = model.generate({ prompt: SHORT_PROMPT, maxTokens: 4, ignoreEos: true });
  return (await generation.result).tokens;
}

/** With this head all tokens are equally likely, and the first is chosen. */
const SILENT_HEAD: Edits = {
  tensors(table) {
    const head = table["language_model.lm_head.weight"]!;
    head.data = new Uint8Array(head.data.length);
  },
};

t.test("weights that are overwritten while their engine lives are loaded anew", async (t) => {
  await withTempFolder(async (folder) => {
    // Rewritten as the edited ones will be, with a header of the same length.
    const path = editedModel("linear", folder, { tensors() {} });
    const file = join(path, "model.safetensors");
    const { size } = statSync(file);
    const first = await load(path);
    const again = await load(path);
    const words = await answer(first);
    t.notSame(words, [0, 0, 0, 0]);
    t.same(await answer(again), words);

    editedModel("linear", folder, SILENT_HEAD);
    utimesSync(file, LONG_AGO, LONG_AGO);
    t.equal(statSync(file).size, size, "of the same size");
    const second = await load(path);
    t.same(await answer(second), [0, 0, 0, 0], "the new weights answer");
    t.same(await answer(first), words, "whoever had the old ones keeps them");

    editedModel("linear", folder, {
      tensors(table) {
        table.unused = float32Tensor([4], [1, 2, 3, 4]);
      },
    });
    utimesSync(file, LONG_AGO, LONG_AGO);
    const third = await load(path);
    t.same(await answer(third), words, "of the same time but another size");
    for (const model of [first, again, second, third]) await model.dispose();
  });
});

t.test("every file and setting that weights come from counts", async (t) => {
  await withTempFolder(async (folder) => {
    await cp(goldenPath("models", "lora"), folder, { recursive: true });
    const key = async () => nativeSpec(await resolveModel(folder, {}), {}).key;
    const untouched = await key();
    t.equal(await key(), untouched);
    const keys = new Set([untouched]);
    for (const file of ["base/model.safetensors", "last/adapter_model.bin"]) {
      utimesSync(join(folder, file), LONG_AGO, LONG_AGO);
      keys.add(await key());
    }
    const settings = join(folder, "last", "adapter_config.json");
    const { lora_alpha: alpha, ...others } = JSON.parse(readFileSync(settings, "utf8"));
    writeFileSync(settings, JSON.stringify({ ...others, lora_alpha: 2 * alpha }));
    keys.add(await key());
    t.equal(keys.size, 4, "base, adapter and the adapter's scale");
  });
});

t.test("random weights are known by their seed and shape", async (t) => {
  const key = async (name: string) => nativeSpec(await resolveModel(`random:${name}`, {}), {}).key;
  const tiny = "1.1B-C-Abs-M144,layers=1,vision-layers=1";
  t.equal(await key(tiny), await key(tiny));
  t.not(await key(tiny), await key(`${tiny},seed=5`));
  t.not(await key(tiny), await key(tiny.replace("layers=1", "layers=2")));
});
