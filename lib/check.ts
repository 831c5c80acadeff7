import { HoneybeeError } from "./errors.js";
import { nearest } from "./nearest.js";

interface NumberRule {
  least: number;
  most: number;
  integer?: boolean;
  /** The lower bound itself is not allowed. */
  above?: boolean;
}

const MAX_INT = 2 ** 31 - 1;

/** Bounds of every option that is a number. */
const NUMBERS: Record<string, NumberRule> = {
  maxTokens: { least: 0, most: MAX_INT, integer: true },
  minTokens: { least: 0, most: MAX_INT, integer: true },
  temperature: { least: 0, most: 100 },
  topK: { least: 0, most: MAX_INT, integer: true },
  topP: { least: 0, most: 1 },
  minP: { least: 0, most: 1 },
  repetitionPenalty: { least: 0, most: 100, above: true },
  presencePenalty: { least: -100, most: 100 },
  frequencyPenalty: { least: -100, most: 100 },
  noRepeatNgramSize: { least: 0, most: MAX_INT, integer: true },
  seed: { least: 0, most: Number.MAX_SAFE_INTEGER, integer: true },
  priority: { least: -1000, most: 1000, integer: true },
  timeout: { least: 1, most: MAX_INT, integer: true },
  n: { least: 1, most: 128, integer: true },
  promptLookup: { least: 0, most: 64, integer: true },
  beams: { least: 1, most: 128, integer: true },
  lengthPenalty: { least: -100, most: 100 },
  context: { least: 1, most: 2 ** 24, integer: true },
  maxSequences: { least: 1, most: 65536, integer: true },
  memory: { least: 1, most: Number.MAX_SAFE_INTEGER, integer: true },
  imageCache: { least: 0, most: Number.MAX_SAFE_INTEGER, integer: true },
  threads: { least: 1, most: 1024, integer: true },
  maxImagePixels: { least: 1, most: Number.MAX_SAFE_INTEGER, integer: true },
  visualTokens: { least: 1, most: 65536, integer: true },
  prefetchBytes: { least: 0, most: Number.MAX_SAFE_INTEGER, integer: true },
  repeat: { least: 1, most: 1_000_000, integer: true },
  repeats: { least: 1, most: 1000, integer: true },
  mostOps: { least: 1, most: 2 ** 22, integer: true },
  maxQueue: { least: 0, most: 1_000_000, integer: true },
  requestTimeout: { least: 0, most: 86_400, above: true },
  bodyTimeout: { least: 0, most: 86_400, above: true },
  maxBodyBytes: { least: 1, most: 2 ** 29, integer: true },
  maxImageBytes: { least: 1, most: 2 ** 29, integer: true },
  rate: { least: 0, most: 1e9, above: true },
  concurrency: { least: 1, most: 1_000_000, integer: true },
  lockSeconds: { least: 0.1, most: 86_400 },
  count: { least: 1, most: 1_000_000, integer: true },
  maxStalls: { least: 0, most: 1_000_000, integer: true },
};

export function optionError(message: string): HoneybeeError {
  return new HoneybeeError("ERR_OPTION", message);
}

/** @throws HoneybeeError ERR_OPTION unless it is an object; names an unknown property and its nearest neighbour */
export function checkNames(options: object, known: readonly string[], what: string): void {
  if (typeof options !== "object" || options === null) {
    throw optionError(`${what}s must be properties of an object, not ${String(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw optionError(`unknown ${what} "${name}"; did you mean "${nearest(name, known)}"?`);
  }
}

/** @throws HoneybeeError ERR_OPTION unless the option is absent or a number within its bounds */
export function checkNumber(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const { least, most, integer = false, above = false } = NUMBERS[name]!;
  const inside = typeof value === "number" && value >= least && value <= most && !(above && value === least);
  if (inside && (!integer || Number.isInteger(value))) return value;
  const kind = integer ? "an integer" : "a number";
  const range = above ? `above ${least} and at most ${most}` : `from ${least} to ${most}`;
  throw optionError(
    `${name} must be ${kind} ${range}, not ${typeof value === "string" ? JSON.stringify(value) : String(value)}`,
  );
}

/** @throws HoneybeeError ERR_OPTION unless the option is absent or one of its words */
export function checkChoice<T extends string>(
  name: string,
  value: unknown,
  choices: readonly T[],
): T | undefined {
  if (value === undefined) return undefined;
  if (choices.includes(value as T)) return value as T;
  throw optionError(`${name} must be one of ${choices.join(", ")}, not ${JSON.stringify(value)}`);
}

/** @throws HoneybeeError ERR_OPTION unless the option is absent (false) or a boolean */
export function checkBoolean(name: string, value: unknown): boolean {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw optionError(`${name} must be true or false, not ${JSON.stringify(value)}`);
}

/** @throws HoneybeeError ERR_OPTION unless the option is absent or an AbortSignal */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw optionError("signal must be an AbortSignal");
}
