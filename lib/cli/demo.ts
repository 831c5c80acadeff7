import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HoneybeeError, loadModel, preprocess } from "../index.js";
import { packageRoot } from "../native.js";
import { bench } from "./bench.js";

/**
 * `honeybee demo`: the main job end to end. Until a trained model ships, a small checkpoint with random weights answers
 * about its picture as the official implementation does, token for token; then a model of a real size is timed.
 */
export async function demo(): Promise<void> {
  const folder = join(packageRoot, "test", "golden", "models", "cabs-new");
  if (!existsSync(folder)) {
    throw new HoneybeeError(
      "ERR_CHECKPOINT",
      "the demo's checkpoint is part of the repository only; in an installed package try `honeybee bench random:1.1B-C-Abs-M144`",
    );
  }
  const golden = JSON.parse(await readFile(join(folder, "case.json"), "utf8")) as {
    prompt: string;
    images: string[];
    generate_ids: number[];
  };
  const picture = join(folder, golden.images[0]!);
  const say = (text: string) => process.stdout.write(`${text}\n`);
  say("1. A Honeybee checkpoint answers about a picture\n");
  say(await draw(picture));
  const model = await loadModel(folder, { weights: "f32" });
  try {
    const { result } = model.generate({
      prompt: golden.prompt,
      images: [picture],
      maxTokens: 32,
      ignoreEos: true,
    });
    const { text, tokens, timings } = await result;
    const same = tokens.filter((token, i) => token === golden.generate_ids[i]).length;
    say(`question  ${golden.prompt.split("Human: ").at(-1)!.split("\n")[0]}`);
    say(`answer    ${JSON.stringify(text)}`);
    say(
      `This checkpoint's weights are random (it is ${(model.info.parameters.total / 1e6).toFixed(1)} M parameters for tests), so the answer is noise.`,
    );
    say(
      `It is the right noise: ${same} of ${golden.generate_ids.length} tokens equal those of the official implementation.`,
    );
    say(
      `encode ${timings.encodeMs.toFixed(1)} ms, prefill ${timings.prefillMs.toFixed(1)} ms, ${timings.tokensPerSecond.toFixed(0)} tokens/s\n`,
    );
    if (same !== golden.generate_ids.length)
      throw new Error("the answer differs from the official implementation's");
  } finally {
    await model.dispose();
  }
  say(
    "2. The speed of a real size: ViT-L/14, C-Abstractor, a Llama of 1.1 billion parameters, random weights, bf16\n",
  );
  await bench("random:1.1B-C-Abs-M144", { prefill: [256], decode: [16], repeat: 2, quiet: false });
}

/** A picture in half blocks, two pixels a character, in 24-bit colour on a terminal that has it. */
async function draw(path: string): Promise<string> {
  const size = 40;
  const { rgb } = await preprocess(path, { size });
  const colour = (x: number, y: number) =>
    Array.from(rgb.subarray((y * size + x) * 3, (y * size + x) * 3 + 3)).join(";");
  const lines: string[] = [];
  if (!process.stdout.isTTY) return `(picture: ${path})\n`;
  for (let y = 0; y < size; y += 2) {
    let line = "  ";
    for (let x = 0; x < size; x++) line += `\x1b[38;2;${colour(x, y)}m\x1b[48;2;${colour(x, y + 1)}m▀`;
    lines.push(`${line}\x1b[0m`);
  }
  return `${lines.join("\n")}\n`;
}
