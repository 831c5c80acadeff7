import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HoneybeeError } from "../errors.js";

/** A token that Hugging Face adds to a vocabulary, or renames in it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out of decoded text. */
  readonly special: boolean;
}

/** What the files beside a vocabulary say about it. */
export interface TokenizerConfig {
  /** Whether a whole text gets BOS in front; undefined where the file is silent. */
  readonly addBos: boolean | undefined;
  readonly addEos: boolean | undefined;
  /** transformers' `legacy`: whether text after a special token gets its own leading "▁". */
  readonly legacy: boolean | undefined;
  /** Text of the special tokens by role. */
  readonly names: Readonly<Partial<Record<SpecialRole, string>>>;
  readonly addedTokens: readonly AddedToken[];
  readonly chatTemplate: string | undefined;
}

export type SpecialRole = "bos" | "eos" | "unk" | "pad";
const ROLES: readonly SpecialRole[] = ["bos", "eos", "unk", "pad"];

/** The highest id that is believed; it bounds the memory that a damaged file can ask for. */
const MAX_TOKEN_ID = (1 << 22) - 1;

export const EMPTY_CONFIG: TokenizerConfig = {
  addBos: undefined,
  addEos: undefined,
  legacy: undefined,
  names: {},
  addedTokens: [],
  chatTemplate: undefined,
};

type Json = Record<string, unknown>;

/** Reads tokenizer_config.json, added_tokens.json and chat_template.jinja of a folder, as far as they are there. */
export async function readTokenizerConfig(folder: string): Promise<TokenizerConfig> {
  const [config, added, template] = await Promise.all([
    readJsonIfThere(join(folder, "tokenizer_config.json")),
    readJsonIfThere(join(folder, "added_tokens.json")),
    readIfThere(join(folder, "chat_template.jinja")),
  ]);
  const names: Partial<Record<SpecialRole, string>> = {};
  for (const role of ROLES) {
    const name = tokenText(config?.[`${role}_token`]);
    if (name !== undefined) names[role] = name;
  }
  return {
    addBos: flag(config?.add_bos_token),
    addEos: flag(config?.add_eos_token),
    legacy: flag(config?.legacy),
    names,
    addedTokens: addedTokens(folder, config, added),
    chatTemplate: template ?? chatTemplate(config?.chat_template),
  };
}

/** The value as a token id; `file` is named in the error. */
export function checkTokenId(file: string, id: unknown): number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) <= MAX_TOKEN_ID) return id as number;
  throw new HoneybeeError("ERR_TOKENIZER", `${file}: token id ${String(id)} is not within 0…${MAX_TOKEN_ID}`);
}

/** Checks one added token; `file` is named in the error. */
export function checkAddedToken(file: string, id: unknown, content: unknown, special: unknown): AddedToken {
  if (typeof content !== "string" || content === "") {
    throw new HoneybeeError("ERR_TOKENIZER", `${file}: added token ${String(id)} has no text`);
  }
  return { id: checkTokenId(file, id), content, special: special === true };
}

function addedTokens(folder: string, config: Json | undefined, added: Json | undefined): AddedToken[] {
  const tokens = new Map<number, AddedToken>();
  const file = join(folder, "added_tokens.json");
  for (const [content, id] of Object.entries(added ?? {})) {
    // This older file has no flags; what transformers puts there are special tokens such as <pad>.
    const token = checkAddedToken(file, id, content, true);
    tokens.set(token.id, token);
  }
  const decoder = config?.added_tokens_decoder;
  if (isObject(decoder)) {
    for (const [id, entry] of Object.entries(decoder)) {
      const { content, special } = isObject(entry) ? entry : {};
      const token = checkAddedToken(join(folder, "tokenizer_config.json"), Number(id), content, special);
      tokens.set(token.id, token);
    }
  }
  return [...tokens.values()];
}

/** A template, or the one called "default" of a list of named ones. */
function chatTemplate(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named: unknown = value.find((entry) => isObject(entry) && entry.name === "default");
  return isObject(named) && typeof named.template === "string" ? named.template : undefined;
}

function tokenText(value: unknown): string | undefined {
  const text = isObject(value) ? value.content : value;
  return typeof text === "string" && text !== "" ? text : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses the JSON object that a tokenizer file must hold. */
export function parseJsonObject(text: string, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HoneybeeError("ERR_TOKENIZER", `${file} is no JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (!isObject(value)) throw new HoneybeeError("ERR_TOKENIZER", `${file} should hold a JSON object`);
  return value;
}

async function readJsonIfThere(file: string): Promise<Json | undefined> {
  const text = await readIfThere(file);
  return text === undefined ? undefined : parseJsonObject(text, file);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new HoneybeeError("ERR_TOKENIZER", `${file} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
