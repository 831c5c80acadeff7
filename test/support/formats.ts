// Response formats without a model: their readers, and documents in the form that the formats have.
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { JsonSchema } from "../../lib/index.js";
import { type NativeFormatReader, type NativeVocabulary, native } from "../../lib/native.js";
import type { Random } from "./mutate.js";

const noTokens: NativeVocabulary = native.vocabulary({
  bytes: new Uint8Array(),
  ends: new Uint32Array(),
  losesSpace: new Uint8Array(),
});

/** Compiles a schema alone; reads documents byte by byte. */
export async function schemaReader(schema: JsonSchema, vocabulary = noTokens): Promise<NativeFormatReader> {
  return new native.FormatReader(
    await native.compileFormat({ kind: "schema", text: JSON.stringify(schema) }, vocabulary),
  );
}

export async function regexReader(regex: string, vocabulary = noTokens): Promise<NativeFormatReader> {
  return new native.FormatReader(await native.compileFormat({ kind: "regex", text: regex }, vocabulary));
}

export const accepts = (reader: NativeFormatReader, text: string) =>
  reader.reads(Buffer.from(text)) === "complete";

/** ajv's verdict, formats asserted. */
export function validator(schema: JsonSchema): (value: unknown) => boolean {
  const ajv = new Ajv2020({ strict: false, meta: false, validateSchema: false, logger: false });
  (addFormats.default ?? addFormats)(ajv);
  const validate = ajv.compile(schema as object | boolean);
  return (value) => validate(value) as boolean;
}

const WORDS = [
  "",
  "a",
  "b",
  "ab",
  "abc",
  "é",
  "€uro",
  "😀",
  "a b",
  'q"uote',
  "back\\slash",
  "line\n",
  "x1",
  "y",
  "foo",
  "bar",
  "\u0001",
];
const NUMBERS = [0, 1, -1, 2, 3, 7, 10, 12, 100, -5, 0.5, 1.5, -2.25, 2.5, 4.5, 123456789, 99.99, -0.001];

/** A small JSON value of any type. */
export function randomValue(random: Random, depth = 2): unknown {
  switch (random.below(depth > 0 ? 7 : 5)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
    case 2:
      return random.below(3) === 0 ? random.below(2000) - 1000 : random.pick(NUMBERS);
    case 3:
    case 4:
      return random.pick(WORDS);
    case 5:
      return Array.from({ length: random.below(5) }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [random.pick(WORDS), randomValue(random, depth - 1)]),
      );
  }
}

/** The value with one place in it changed. */
export function changedValue(random: Random, value: unknown): unknown {
  if (random.below(3) === 0 || typeof value !== "object" || value === null) return randomValue(random, 1);
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1);
    if (random.below(2) === 0 || at === value.length)
      return value.toSpliced(at, random.below(2), randomValue(random, 1));
    return value.with(at, changedValue(random, value[at]));
  }
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  if (random.below(3) === 0 || at === entries.length)
    return Object.fromEntries(
      entries.toSpliced(at, random.below(2), [random.pick(WORDS), randomValue(random, 1)]),
    );
  const [name, inside] = entries[at]!;
  return Object.fromEntries(entries.with(at, [name, changedValue(random, inside)]));
}

/** All JSON texts of a value that differ in the order of properties; at most `most`. */
export function spellings(value: unknown, most = 800): string[] {
  if (Array.isArray(value))
    return combine(
      value.map((item) => spellings(item, most)),
      most,
    ).map((items) => `[${items.join(",")}]`);
  if (typeof value !== "object" || value === null) return [JSON.stringify(value)];
  const texts: string[] = [];
  for (const order of permutations(Object.entries(value), most)) {
    const parts = order.map(([name, inside]) =>
      spellings(inside, most).map((text) => `${JSON.stringify(name)}:${text}`),
    );
    for (const items of combine(parts, most)) texts.push(`{${items.join(",")}}`);
    if (texts.length >= most) break;
  }
  return texts;
}

function combine(parts: string[][], most: number): string[][] {
  let all: string[][] = [[]];
  for (const part of parts) all = all.flatMap((head) => part.map((text) => [...head, text])).slice(0, most);
  return all;
}

function permutations<T>(list: readonly T[], most: number): T[][] {
  if (list.length < 2) return [[...list]];
  const all: T[][] = [];
  for (const [i, item] of list.entries()) {
    for (const rest of permutations(list.toSpliced(i, 1), most)) {
      all.push([item, ...rest]);
      if (all.length >= most) return all;
    }
  }
  return all;
}
