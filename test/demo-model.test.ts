// MODEL "demo": the small trained model in the package.
import { copyFileSync, existsSync, truncateSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadModel } from "../lib/index.js";
import { DEMO_FOLDER, resolveDemo } from "../lib/model/resolve.js";
import { refused } from "./support/golden-model.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const FILES = ["config.json", "model.safetensors", "tokenizer.model"];
const trained = goldenPath("trained");

t.test("demo is the model in assets/demo", async (t) => {
  t.equal(DEMO_FOLDER, join(repositoryRoot, "assets", "demo"));
  const resolved = await resolveDemo({}, trained);
  t.equal(resolved.name, "demo");
  t.equal(resolved.config.text.vocabSize, 320);
  if (!existsSync(join(DEMO_FOLDER, "config.json"))) {
    await refused(
      t,
      loadModel("demo"),
      "ERR_CHECKPOINT",
      "demo model",
      DEMO_FOLDER,
      "this version of honeybee comes without it",
    );
    return;
  }
  const model = await loadModel("demo");
  t.equal(model.info.model, "demo");
  t.ok(model.info.tokensPerImage > 0);
  await model.dispose();
});

t.test("what is missing or broken is named, with what to do", async (t) => {
  const folder = t.testdir();
  const remedy = "install honeybee again, or in a clone of its repository run `git checkout -- assets/demo`";
  const refuses = (code: "ERR_CHECKPOINT" | "ERR_TOKENIZER", ...named: string[]) =>
    refused(t, resolveDemo({}, folder), code, "the demo model cannot be opened", remedy, ...named);

  await refuses("ERR_CHECKPOINT", folder, "config.json");
  copyFileSync(join(trained, "config.json"), join(folder, "config.json"));
  await refuses("ERR_CHECKPOINT", folder);
  for (const name of FILES) {
    for (const file of FILES) copyFileSync(join(trained, file), join(folder, file));
    truncateSync(join(folder, name), 300);
    await refuses(name === "tokenizer.model" ? "ERR_TOKENIZER" : "ERR_CHECKPOINT", join(folder, name));
  }
});
