import { readFile } from "node:fs/promises";
import { HoneybeeError } from "../errors.js";

/** A record of a dataset's file, whose fields are checked as they are read. */
export class DataRecord {
  constructor(
    readonly fields: Readonly<Record<string, unknown>>,
    /** What messages call it: "train.json, questions[3]". */
    readonly where: string,
  ) {}

  text(name: string): string {
    const value = this.fields[name];
    return typeof value === "string" ? value : this.#fail(name, "a string");
  }

  integer(name: string): number {
    const value = this.fields[name];
    return Number.isSafeInteger(value) ? (value as number) : this.#fail(name, "an integer");
  }

  /** A string or an integer, as text. */
  id(name: string): string {
    const value = this.fields[name];
    if (typeof value === "string" || Number.isSafeInteger(value)) return String(value);
    return this.#fail(name, "a string or an integer");
  }

  numbers(name: string, count: number): number[] {
    const value = this.fields[name];
    const isRight = Array.isArray(value) && value.length === count && value.every(Number.isFinite);
    return isRight ? value : this.#fail(name, `${count} numbers`);
  }

  records(name: string): DataRecord[] {
    const value = this.fields[name];
    if (!Array.isArray(value)) return this.#fail(name, "an array");
    return value.map((item, n) => recordOf(item, `${this.where}, ${name}[${n}]`));
  }

  #fail(name: string, expected: string): never {
    const found = Object.hasOwn(this.fields, name)
      ? JSON.stringify(this.fields[name])?.slice(0, 60)
      : "nothing";
    throw new HoneybeeError("ERR_OPTION", `${this.where}: ${name} must be ${expected}, found ${found}`);
  }
}

function recordOf(value: unknown, where: string): DataRecord {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return new DataRecord(value as Record<string, unknown>, where);
  }
  const found = Array.isArray(value) ? "an array" : value === null ? "null" : typeof value;
  throw new HoneybeeError("ERR_OPTION", `${where} must be an object, found ${found}`);
}

/**
 * Reads a dataset's JSON file.
 *
 * @throws HoneybeeError ERR_OPTION if it is missing, is no JSON, or is not an object or (`asList`) an array of objects
 */
export async function readRecord(path: string): Promise<DataRecord> {
  return recordOf(parse(await readText(path), path), path);
}

export async function readRecords(path: string): Promise<DataRecord[]> {
  const value = parse(await readText(path), path);
  if (!Array.isArray(value)) throw new HoneybeeError("ERR_OPTION", `${path} must hold an array of records`);
  return value.map((item, n) => recordOf(item, `${path}[${n}]`));
}

/** The records of a file that is an object, in the file's order: `JSON.parse` would put keys that are numbers first. */
export async function readRecordMap(path: string): Promise<DataRecord[]> {
  const text = await readText(path);
  // Parsing all of it first finds every fault in its form.
  recordOf(parse(text, path), path);
  const entries = new Map(topLevelEntries(text));
  return [...entries].map(([key, value]) => recordOf(JSON.parse(value), `${path}, ${JSON.stringify(key)}`));
}

/** Keys and the texts of their values of a well-formed JSON object. */
function* topLevelEntries(text: string): Generator<[key: string, value: string]> {
  let depth = 0;
  let start = text.indexOf("{") + 1;
  let key: string | undefined;
  for (let at = start - 1; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"') at = endOfString(text, at);
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === ":" && depth === 1) {
      key = JSON.parse(text.slice(start, at)) as string;
      start = at + 1;
    }
    const isEnd = depth === 0 || (character === "," && depth === 1);
    if (!isEnd || key === undefined) continue;
    yield [key, text.slice(start, at)];
    key = undefined;
    start = at + 1;
  }
}

/** Index of the quote that ends a string. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const what = code === "ENOENT" ? "there is no such file; check the dataset's root" : message;
    throw new HoneybeeError("ERR_OPTION", `${path} cannot be read: ${what}`, { cause: error });
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = `${path} is no JSON: ${(error as Error).message}; download it again`;
    throw new HoneybeeError("ERR_OPTION", message, { cause: error });
  }
}
