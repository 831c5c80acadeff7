import { type Command, InvalidArgumentError } from "commander";
import { CHOICES } from "../model/options.js";
import { addModelOptions, type ModelFlags } from "./options.js";

/** Options of `honeybee bench`, as commander leaves them. */
export interface BenchFlags extends ModelFlags {
  prefill: number[];
  decode: number[];
  /** Default: one request at a time. */
  batch?: number[];
  /** Default: what `weights` says. */
  formats?: string[];
  repeat: number;
  json?: boolean;
  quiet?: boolean;
}

const MOST_TOKENS = 2 ** 24;
const MOST_REQUESTS = 65536;
const FORMATS = CHOICES.weights.filter((format) => format !== "auto");

function count(text: string, most = MOST_TOKENS): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new InvalidArgumentError(`expected integers from 1 to ${most}, not ${JSON.stringify(text)}.`);
}

const counts = (text: string, most = MOST_TOKENS) => [
  ...new Set(text.split(",").map((each) => count(each, most))),
];

function formats(text: string): string[] {
  const known: readonly string[] = FORMATS;
  for (const format of text.split(",")) {
    if (!known.includes(format))
      throw new InvalidArgumentError(`expected some of ${known.join(", ")}, not ${JSON.stringify(format)}.`);
  }
  return [...new Set(text.split(","))];
}

export function addBenchOptions(command: Command): Command {
  return addModelOptions(command)
    .option("--prefill <lengths>", "prompt tokens, comma-separated", (text) => counts(text), [256])
    .option("--decode <lengths>", "generated tokens, comma-separated", (text) => counts(text), [64])
    .option(
      "--batch <sizes>",
      "requests at once, comma-separated; takes the place of --max-sequences",
      (text) => counts(text, MOST_REQUESTS),
      [1],
    )
    .option(
      "--formats <list>",
      `weights to load one after another, of ${FORMATS.join(", ")} (default: --weights)`,
      formats,
    )
    .option("--repeat <n>", "runs of each, whose median counts", (text) => count(text), 5)
    .option("--json", "one JSON document")
    .option("--quiet", "no notes");
}
