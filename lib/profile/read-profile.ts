import { readFile } from "node:fs/promises";
import { HoneybeeError } from "../errors.js";
import type { Profile } from "./types.js";

/**
 * Reads a profile that was saved as JSON. Fields that this version does not know are left as they are.
 *
 * @throws HoneybeeError ERR_FILE for a file that cannot be read or is no profile; names the field and what was expected
 */
export async function readProfile(path: string): Promise<Profile> {
  const problem = (what: string, cause?: unknown) =>
    new HoneybeeError("ERR_FILE", `${path}: ${what}`, { cause });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw problem(
      `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`,
      error,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw problem("is not JSON; expected what `honeybee profile --json` prints", error);
  }
  const { format, version } = (typeof value === "object" && value !== null ? value : {}) as Partial<Profile>;
  if (format !== "honeybee-profile")
    throw problem(
      'is no profile: "format" must be "honeybee-profile"; expected what `honeybee profile --json` prints',
    );
  if (version !== 1)
    throw problem(`"version" must be 1, not ${shown(version)}; read it with the honeybee that wrote it`);
  try {
    PROFILE(value, "");
    checkClock(value as Profile);
  } catch (error) {
    if (error instanceof Mismatch) throw problem(error.message);
    throw error;
  }
  return value as Profile;
}

/** A field that is not as it must be, in words. */
class Mismatch extends Error {}

/** @throws Mismatch that names the field at `path` */
type Check = (value: unknown, path: string) => void;

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function check(expected: string, isRight: (value: unknown) => boolean): Check {
  return (value, path) => {
    if (!isRight(value)) throw new Mismatch(`${path || "it"} must be ${expected}, not ${shown(value)}`);
  };
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

const text = check("a text", (value) => typeof value === "string");
const milliseconds = check("a number of milliseconds", isNumber);
const duration = check("a number of milliseconds from 0", (value) => isNumber(value) && value >= 0);
const amount = check("a number from 0", (value) => isNumber(value) && value >= 0);
const rate = check("a number above 0", (value) => isNumber(value) && value > 0);
const index = check("an integer from 0", (value) => Number.isSafeInteger(value) && (value as number) >= 0);
const oneOf = (...words: string[]) =>
  check(`one of ${words.join(", ")}`, (value) => words.includes(value as string));

const orNull =
  (inner: Check): Check =>
  (value, path) => {
    if (value !== null) inner(value, path);
  };

const optional =
  (inner: Check): Check =>
  (value, path) => {
    if (value !== undefined) inner(value, path);
  };

const list =
  (inner: Check): Check =>
  (value, path) => {
    check("a list", Array.isArray)(value, path);
    (value as unknown[]).forEach((each, i) => {
      inner(each, `${path}[${i}]`);
    });
  };

const record =
  (inner: Check): Check =>
  (value, path) => {
    check("an object", isObject)(value, path);
    for (const [name, each] of Object.entries(value as object)) inner(each, `${path}.${name}`);
  };

/** An object with at least these fields. */
const object =
  (fields: Record<string, Check>): Check =>
  (value, path) => {
    check("an object", isObject)(value, path);
    for (const [name, inner] of Object.entries(fields))
      inner((value as Record<string, unknown>)[name], path ? `${path}.${name}` : name);
  };

const PROFILE = object({
  honeybee: text,
  device: text,
  model: text,
  date: text,
  clock: oneOf("cycles", "steady", "cupti", "events", "none"),
  wallMs: duration,
  lostOps: optional(amount),
  droppedRecords: optional(amount),
  roofs: orNull(object({ bytesPerSecond: rate, flopsPerSecond: record(rate) })),
  ops: list(
    object({
      name: text,
      stage: oneOf("vision", "projector", "prefill", "decode", "sample"),
      layer: orNull(index),
      shape: text,
      step: index,
      startMs: milliseconds,
      durationMs: orNull(duration),
      bytes: amount,
      flops: amount,
      dtype: orNull(text),
      counts: optional(object({ instructions: amount, bytes: amount, bankConflicts: amount })),
    }),
  ),
  gaps: list(
    object({
      name: oneOf("schedule", "sample", "join", "host"),
      step: index,
      startMs: milliseconds,
      durationMs: duration,
    }),
  ),
  phases: list(
    object({
      request: index,
      name: oneOf("queued", "image", "prefill", "decode"),
      startMs: milliseconds,
      durationMs: duration,
    }),
  ),
  repeats: list(object({ wallMs: duration, ops: record(duration) })),
});

/** Times are there for each operation, or for none. */
function checkClock({ clock, ops }: Profile): void {
  ops.forEach(({ durationMs }, i) => {
    if ((durationMs === null) === (clock === "none")) return;
    const expected = clock === "none" ? "null" : "a number of milliseconds";
    throw new Mismatch(
      `ops[${i}].durationMs must be ${expected} where clock is "${clock}", not ${shown(durationMs)}`,
    );
  });
}
