import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HoneybeeError } from "../errors.js";
import { parseJsonObject, readTokenizerConfig } from "./config.js";
import { JsonTokenizer } from "./json.js";
import { SentencePieceTokenizer } from "./sentencepiece.js";
import { parseSentencePieceModel } from "./sentencepiece-model.js";
import type { Tokenizer } from "./types.js";

export { byteTokenizer } from "./bytes.js";
export type { EncodeOptions, Tokenizer, TokenStream } from "./types.js";

/** The vocabulary files of a folder, best first: the official models were trained with the SentencePiece one. */
const FILE_NAMES = ["tokenizer.model", "tokenizer.json"];

/** The largest known vocabulary file is about 35 MB. */
const MAX_FILE_SIZE = 1 << 28;

/**
 * Loads a tokenizer.
 *
 * @param path a `tokenizer.model` (SentencePiece BPE), a `tokenizer.json` (BPE), or a folder that holds one of them,
 *   the first preferred; tokenizer_config.json and added_tokens.json beside it are obeyed
 * @throws HoneybeeError ERR_TOKENIZER if it is missing, cut off, or of a kind that no Llama vocabulary is
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  if (typeof path !== "string" || path === "") {
    throw new HoneybeeError("ERR_OPTION", "tokenizer must be the path of a file or folder");
  }
  const file = await findFile(path);
  const [contents, config] = await Promise.all([read(file), readTokenizerConfig(dirname(file))]);
  // A SentencePiece model begins with the field of its first piece, in practice <unk>, and never looks like this.
  if (/^\s*\{/.test(contents.toString("latin1", 0, 64))) {
    return new JsonTokenizer(parseJsonObject(contents.toString("utf8"), file), config, file);
  }
  return new SentencePieceTokenizer(parseSentencePieceModel(contents, file), config);
}

/**
 * Makes sure that a tokenizer belongs to a model. The model may have more rows than the tokenizer has ids, as padded
 * vocabularies do (LLaVA-1.5: 32,002 of 32,064), but only a few.
 *
 * @param vocabSize rows of the model's token embedding
 * @throws HoneybeeError ERR_TOKENIZER if the sizes cannot belong together
 */
export function checkVocabulary(tokenizer: Tokenizer, vocabSize: number): void {
  const padding = vocabSize - tokenizer.vocabSize;
  if (padding >= 0 && padding < Math.max(128, tokenizer.vocabSize / 16)) return;
  throw new HoneybeeError(
    "ERR_TOKENIZER",
    `the tokenizer has ${tokenizer.vocabSize} ids but the model has ${vocabSize}: it belongs to another model; ` +
      "give the right one with the tokenizer option",
  );
}

async function findFile(path: string): Promise<string> {
  const isFolder = await ask(path, async () => (await stat(path)).isDirectory());
  if (isFolder === undefined) throw missing(`${path} does not exist`);
  if (!isFolder) return path;
  for (const name of FILE_NAMES) {
    const file = join(path, name);
    if (await ask(file, () => stat(file))) return file;
  }
  throw missing(`${path} has neither ${FILE_NAMES.join(" nor ")}`);
}

async function read(file: string): Promise<Buffer> {
  const status = await ask(file, () => stat(file));
  if (!status?.isFile()) throw missing(`${file} is not a file`);
  if (status.size > MAX_FILE_SIZE) {
    throw new HoneybeeError("ERR_TOKENIZER", `${file} has ${status.size} bytes, too many for a tokenizer`);
  }
  const contents = await ask(file, () => readFile(file));
  if (contents === undefined || contents.length === 0) throw missing(`${file} is empty`);
  return contents;
}

/** The result of a file operation, or undefined if the file is not there. */
async function ask<T>(file: string, operation: () => Promise<T>): Promise<T | undefined> {
  try {
    return await operation();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new HoneybeeError("ERR_TOKENIZER", `${file} cannot be read: ${message}`, { cause: error });
  }
}

function missing(what: string): HoneybeeError {
  const advice =
    "any Llama-1/2 or Vicuna tokenizer.model fits the official models; give it with the tokenizer option";
  return new HoneybeeError("ERR_TOKENIZER", `no tokenizer: ${what}; ${advice}`);
}
