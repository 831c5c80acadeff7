import { readFile, stat } from "node:fs/promises";
import { checkpointError, quote, shorten } from "./fail.js";
import { fileError } from "./weight-file.js";

/** Far above any config or index (a 70B index is 70 kB). */
const MAX_JSON_BYTES = 16 * 2 ** 20;

export type JsonObject = { readonly [key: string]: unknown };

/** True for a JSON object, not an array and not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads a small text file of at most `limit` bytes; undefined when it does not exist. */
export async function readTextIfPresent(path: string, limit = MAX_JSON_BYTES): Promise<string | undefined> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw checkpointError(`${path} is not a regular file.`);
    if (status.size > limit) {
      throw checkpointError(`${path} has ${status.size} bytes; at most ${limit} were expected.`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw fileError(path, error);
  }
}

/** Reads a JSON object; undefined when the file does not exist. */
export async function readJsonIfPresent(path: string): Promise<JsonObject | undefined> {
  const text = await readTextIfPresent(path);
  return text === undefined ? undefined : parseJsonObject(text, path);
}

/** Parses text that must hold one JSON object; `where` names it in the error. */
export function parseJsonObject(text: string, where: string): JsonObject {
  let value: unknown;
  try {
    // Some editors and exporters put a byte-order mark in front.
    value = JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  } catch (error) {
    throw checkpointError(`${where} is not valid JSON: ${shorten((error as Error).message)}`, error);
  }
  if (!isObject(value)) throw checkpointError(`${where} must hold a JSON object.`);
  return value;
}

/**
 * Refuses an object that names a key twice at its top level: JSON.parse would keep the last silently,
 * other readers the first. `text` must have passed {@link parseJsonObject}.
 */
export function refuseDuplicateKeys(text: string, where: string): void {
  const seen = new Set<string>();
  let depth = 0;
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found, colon] = match;
    if (found === "{" || found === "[") depth++;
    else if (found === "}" || found === "]") depth--;
    else if (depth === 1 && colon !== undefined) {
      const key = JSON.parse(found.slice(0, -colon.length)) as string;
      if (seen.has(key)) throw checkpointError(`${where} names ${quote(key)} twice.`);
      seen.add(key);
    }
  }
}

/** True when `path` is a regular file that can be asked for its status. */
export async function fileExists(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isFile() ?? false;
}
