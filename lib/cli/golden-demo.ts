import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HoneybeeError } from "../errors.js";
import { decodeImage } from "../image/index.js";
import { loadModel, type Model } from "../index.js";
import { packageRoot } from "../native.js";
import { bench } from "./bench.js";
import type { Protocol } from "./picture/protocol.js";
import { showPicture } from "./picture/show.js";

interface GoldenCase {
  prompt: string;
  images: string[];
  generate_ids: number[];
}

/**
 * What `honeybee demo` shows while no trained model comes with the package: a small checkpoint of random weights answers as
 * the official implementation does, token for token; then a model of a real size is timed.
 */
export async function goldenDemo(draw?: Protocol): Promise<void> {
  const folder = join(packageRoot, "test", "golden", "models", "cabs-new");
  if (!existsSync(folder)) {
    throw new HoneybeeError(
      "ERR_CHECKPOINT",
      "the demo's checkpoint is part of the repository only; in an installed package try `honeybee bench random:1.1B-C-Abs-M144`",
    );
  }
  const golden = JSON.parse(await readFile(join(folder, "case.json"), "utf8")) as GoldenCase;
  const picture = join(folder, golden.images[0]!);
  const say = (text: string) => process.stdout.write(`${text}\n`);
  say("1. A Honeybee checkpoint answers about a picture\n");
  const isDrawn = await showPicture(await decodeImage(picture), process.stdout, draw);
  if (!isDrawn) say(`(picture: ${picture})`);
  const model = await loadModel(folder, { weights: "f32" });
  try {
    await answer(model, golden, picture, say);
  } finally {
    await model.dispose();
  }
  say(
    "2. The speed of a real size: ViT-L/14, C-Abstractor, a Llama of 1.1 billion parameters, random weights, bf16\n",
  );
  await bench("random:1.1B-C-Abs-M144", { prefill: [256], decode: [16], repeat: 2, quiet: false });
}

async function answer(
  model: Model,
  golden: GoldenCase,
  picture: string,
  say: (text: string) => void,
): Promise<void> {
  const { prompt, generate_ids: expected } = golden;
  const options = { prompt, images: [picture], maxTokens: expected.length, ignoreEos: true };
  const { text, tokens, timings } = await model.generate(options).result;
  const same = tokens.filter((token, i) => token === expected[i]).length;
  const size = (model.info.parameters.total / 1e6).toFixed(1);
  say(`\nquestion  ${prompt.split("Human: ").at(-1)!.split("\n")[0]}`);
  say(`answer    ${JSON.stringify(text)}`);
  say(`This checkpoint's weights are random (it is ${size} M parameters for tests), so the answer is noise.`);
  say(
    `It is the right noise: ${same} of ${expected.length} tokens equal those of the official implementation.`,
  );
  say(
    `encode ${timings.encodeMs.toFixed(1)} ms, prefill ${timings.prefillMs.toFixed(1)} ms, ${timings.tokensPerSecond.toFixed(0)} tokens/s\n`,
  );
  if (same !== expected.length) throw new Error("the answer differs from the official implementation's");
}
