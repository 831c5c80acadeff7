// 1,000 mutated checkpoints, each loaded and asked for a token, and 1,000 mutated images: all serve or are refused in
// words. One JSON line for each. HONEYBEE_FUZZ_COUNT and HONEYBEE_FUZZ_SEED choose others.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { loadModel } from "../../lib/index.js";
import { fuzzCheckpoint } from "../support/fuzz-checkpoint.js";
import { SHORT_PROMPT } from "../support/golden-model.js";
import { fuzzImages } from "../support/mutate-image.js";
import { goldenPath } from "../support/paths.js";

const count = Number(process.env.HONEYBEE_FUZZ_COUNT ?? 1000);
const seed = Number(process.env.HONEYBEE_FUZZ_SEED ?? 2);
/** Whether the native code runs under AddressSanitizer. */
const addressSanitizer = /libasan/.test(process.env.LD_PRELOAD ?? "");

/** Where the golden of a mutant keeps its tokenizer. */
function tokenizerOf(folder: string): string {
  const golden = goldenPath("models", basename(folder));
  return existsSync(join(golden, "tokenizer.model")) ? golden : join(golden, "base");
}

async function oneToken(folder: string): Promise<void> {
  const model = await loadModel(folder, { tokenizer: tokenizerOf(folder) });
  try {
    const { tokens } = await model.generate({ prompt: SHORT_PROMPT, maxTokens: 1, ignoreEos: true }).result;
    if (tokens.length !== 1) throw new Error(`${tokens.length} tokens instead of one`);
    if (model.info.tokensPerImage === 0) return;
    const images = [goldenPath("images", "a.png")];
    await model.generate({ prompt: "<image>", images, maxTokens: 1, ignoreEos: true }).result;
  } finally {
    await model.dispose();
  }
}

/** Prints the result of one fuzzer, which throws at the first mutant that is neither served nor refused. */
async function report(
  name: string,
  fuzz: () => Promise<{ refused: number; grownBytes: number }>,
): Promise<void> {
  const start = performance.now();
  const outcome = await fuzz().catch((error: Error) => ({
    error: `${error.message}: ${error.cause}`,
    refused: 0,
  }));
  // Faults that change nothing, or kill everything, would test nothing.
  const passed = !("error" in outcome) && outcome.refused > count / 20 && outcome.refused < 0.99 * count;
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(JSON.stringify({ name, passed, count, seed, addressSanitizer, seconds, ...outcome }));
  if (!passed) process.exitCode = 1;
}

await report("mutated checkpoints", () => fuzzCheckpoint(seed, count, oneToken));
await report("mutated images", () => fuzzImages(seed, count));
