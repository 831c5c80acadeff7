import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Checkpoint, type ModelConfig, openCheckpoint, randomModel } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import { packageRoot } from "../native.js";
import { byteTokenizer, checkVocabulary, loadTokenizer, type Tokenizer } from "../tokenizer/index.js";
import type { ModelOptions } from "./options.js";

/** A MODEL string resolved: what to build, where its weights come from, how text becomes ids. */
export interface ResolvedModel {
  /** What was asked for. */
  name: string;
  config: ModelConfig;
  tokenizer: Tokenizer;
  /** In words, for `inspect`. */
  layout: string;
  notes: string[];
  checkpoint?: Checkpoint;
  /** Of random weights. */
  seed?: number;
}

const RANDOM = "random:";

/** The name of the small trained model in the package, and its folder. */
export const DEMO = "demo";
export const DEMO_FOLDER: string = join(packageRoot, "assets", "demo");

/**
 * Finds a model: a folder in any readable layout, `demo` (a folder of that name is `./demo`), or `random:NAME`.
 *
 * @throws HoneybeeError ERR_CHECKPOINT, ERR_TOKENIZER, ERR_OPTION
 */
export async function resolveModel(model: string, options: ModelOptions): Promise<ResolvedModel> {
  if (typeof model !== "string" || model === "") {
    throw new HoneybeeError("ERR_OPTION", "model must be the path of a folder, demo, or random:NAME");
  }
  const resolved = await find(model, options);
  if (options.visualTokens !== undefined) overrideVisualTokens(resolved.config, options.visualTokens);
  return resolved;
}

function find(model: string, options: ModelOptions): Promise<ResolvedModel> {
  if (model === DEMO) return resolveDemo(options);
  return model.startsWith(RANDOM) ? fromSeed(model, options) : fromFolder(model, options);
}

/**
 * The trained model that comes with the package.
 *
 * @param folder where its files are
 * @throws HoneybeeError ERR_CHECKPOINT, ERR_TOKENIZER if they are missing or broken
 */
export async function resolveDemo(options: ModelOptions, folder = DEMO_FOLDER): Promise<ResolvedModel> {
  try {
    return { ...(await fromFolder(folder, options)), name: DEMO };
  } catch (error) {
    // Another tokenizer is none of the package's.
    const isOther = options.tokenizer !== undefined && (error as HoneybeeError).code === "ERR_TOKENIZER";
    if (!(error instanceof HoneybeeError) || isOther) throw error;
    const remedy = existsSync(folder)
      ? "install honeybee again, or in a clone of its repository run `git checkout -- assets/demo`"
      : "this version of honeybee comes without it, and train/README.md of its repository says how it is made";
    const message = `the demo model cannot be opened: ${error.message.replace(/\.$/, "")}; ${remedy}`;
    throw new HoneybeeError(error.code, message, { cause: error });
  }
}

async function fromSeed(model: string, options: ModelOptions): Promise<ResolvedModel> {
  const { config, seed } = randomModel(model.slice(RANDOM.length));
  const vocabSize = config.text.vocabSize;
  const tokenizer = options.tokenizer ? await loadTokenizer(options.tokenizer) : byteTokenizer(vocabSize);
  if (options.tokenizer) checkVocabulary(tokenizer, vocabSize);
  return { name: model, config, seed, tokenizer, layout: `random weights, seed ${seed}`, notes: [] };
}

async function fromFolder(model: string, options: ModelOptions): Promise<ResolvedModel> {
  const checkpoint = await openCheckpoint(model);
  const { config, layout, notes } = checkpoint;
  const tokenizer = await loadTokenizer(options.tokenizer ?? (await tokenizerFolder(checkpoint.path)));
  checkVocabulary(tokenizer, config.text.vocabSize);
  return { name: model, config: structuredClone(config), tokenizer, layout, notes: [...notes], checkpoint };
}

/** The checkpoint's own folder, else the one above it or its `base`, where trainers leave tokenizers. */
async function tokenizerFolder(folder: string): Promise<string> {
  for (const candidate of [folder, dirname(folder), join(dirname(folder), "base")]) {
    for (const file of ["tokenizer.model", "tokenizer.json"]) {
      if (await stat(join(candidate, file)).catch(() => undefined)) return candidate;
    }
  }
  return folder;
}

function overrideVisualTokens(config: ModelConfig, visualTokens: number): void {
  const { projector } = config;
  if (projector?.type !== "c-abs") {
    const kind = projector
      ? `a ${projector.type} projector, whose number of visual tokens is fixed`
      : "no projector";
    throw new HoneybeeError("ERR_OPTION", `visualTokens is for C-Abstractors; this model has ${kind}`);
  }
  if (!Number.isInteger(Math.sqrt(visualTokens))) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `visualTokens must be a square number such as 144, not ${visualTokens}`,
    );
  }
  projector.visualTokens = visualTokens;
}
