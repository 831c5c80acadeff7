import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { type ErrorCode, HoneybeeError, loadModel, type Model, type ModelOptions } from "../../lib/index.js";
import { goldenPath } from "./paths.js";

/** A case file of golden/models. */
export interface GoldenCase {
  checkpoint: string;
  trace: string;
  images?: string[];
  prompt: string;
  prompt_ids: number[];
  generate_ids: number[];
  max_new_tokens: number;
}

/** Reads a case, with the paths of its trace and images made absolute. */
export function goldenCase<T = GoldenCase>(model: string, file = "case.json"): T {
  const folder = goldenPath("models", model);
  const golden = JSON.parse(readFileSync(join(folder, file), "utf8"));
  const absolute = (paths: string[] = []) => paths.map((path) => join(folder, path));
  golden.trace = join(folder, golden.trace);
  golden.images = absolute(golden.images);
  for (const row of golden.rows ?? []) row.images = absolute(row.images);
  return golden as T;
}

/** Loads a golden checkpoint, in f32 unless told otherwise. */
export function loadGolden(name: string, options: ModelOptions = {}): Promise<Model> {
  return loadModel(goldenPath("models", name), { weights: "f32", ...options });
}

/** A prompt without images, in few tokens. */
export const SHORT_PROMPT = "Human: What is the name of the cat?\nAI: ";

/** An answer that only the caller can end: greedy, past end tokens, as long as the context allows. */
export const ENDLESS = { prompt: SHORT_PROMPT, maxTokens: 1_000_000, ignoreEos: true } as const;

/** max|a-b| / max|b|, the measure that the goldens prescribe; infinite if something is not a number. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference / largest;
}

/** Checks that something is refused with this code, in words that name the things given. */
export async function refused(
  t: Test,
  attempt: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  ...named: (string | RegExp)[]
): Promise<void> {
  const label = `${code} naming ${named.join(", ")}`;
  let error: unknown;
  try {
    await (typeof attempt === "function" ? attempt() : attempt);
  } catch (caught) {
    error = caught;
  }
  if (!(error instanceof HoneybeeError)) {
    t.fail(`${label}: ${error === undefined ? "nothing was thrown" : String(error)}`);
    return;
  }
  const { message } = error;
  const missing = named.filter(
    (part) => !(typeof part === "string" ? message.includes(part) : part.test(message)),
  );
  t.ok(error.code === code && missing.length === 0, `${label}: ${error.code} ${message}`);
}
