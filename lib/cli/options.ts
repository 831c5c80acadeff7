import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { GenerationOptions, JsonSchema, ModelOptions, ResponseFormat } from "../index.js";
import { CHOICES, GENERATION_NAMES, MODEL_NAMES } from "../model/options.js";
import { PROMPT_NAMES } from "../model/prompt.js";

/** Options of every command that loads a model, as commander leaves them. */
export interface ModelFlags {
  device?: string;
  weights?: string;
  kv?: string;
  context?: number;
  maxSequences?: number;
  memory?: number;
  threads?: number;
  tokenizer?: string;
  maxImagePixels?: number;
  batchInvariant?: boolean;
  prefixCache?: boolean;
  imageCache?: number;
  stepTrace?: string;
  visualTokens?: number;
}

/** Options of every command that generates. */
export interface GenerationFlags extends Omit<GenerationOptions, "signal" | "logitBias"> {
  logitBias?: Record<number, number>;
  template?: string;
  system?: string;
  encoding?: "head" | "legacy";
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new InvalidArgumentError("expected a number.");
  return value;
}

function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** `ID=BIAS`, repeatable. */
function bias(text: string, previous: Record<number, number> | undefined): Record<number, number> {
  const match = /^(\d+)=(-?[\d.]+(?:e-?\d+)?)$/i.exec(text);
  if (!match) throw new InvalidArgumentError("expected ID=BIAS, such as 29871=-5.");
  return { ...previous, [Number(match[1])]: Number(match[2]) };
}

function logprobs(text: string | true): number | boolean {
  return text === true ? true : number(text);
}

function earlyStopping(text: string | true): boolean | "never" {
  if (text === true || text === "true") return true;
  if (text === "false" || text === "never") return text === "never" ? text : false;
  throw new InvalidArgumentError("expected true, false or never");
}

/** `text`, `json`, `regex:PATTERN` or a file with a JSON Schema. */
function responseFormat(text: string): ResponseFormat {
  if (text === "text") return { type: "text" };
  if (text === "json") return { type: "json_object" };
  if (text.startsWith("regex:")) return { type: "regex", regex: text.slice("regex:".length) };
  try {
    return {
      type: "json_schema",
      json_schema: { schema: JSON.parse(readFileSync(text, "utf8")) as JsonSchema },
    };
  } catch (error) {
    throw new InvalidArgumentError(
      `expected json, regex:PATTERN or a file with a JSON Schema; ${(error as Error).message}`,
    );
  }
}

export function addModelOptions(command: Command): Command {
  return command
    .option("--device <name>", "auto, cpu, cuda, cuda:N or simt", "auto")
    .addOption(new Option("--weights <format>", "weights in memory").choices(CHOICES.weights))
    .addOption(new Option("--kv <format>", "KV cache").choices(CHOICES.kv))
    .option("--context <tokens>", "longest sequence, images included", number)
    .option("--max-sequences <n>", "requests that run at once", number)
    .option("--memory <bytes>", "for weights and KV cache", number)
    .option("--threads <n>", "CPU threads", number)
    .option("--tokenizer <file>", "tokenizer.model or tokenizer.json")
    .option("--max-image-pixels <n>", "refuse larger images", number)
    .option("--batch-invariant", "the same bits whatever runs beside")
    .option("--no-prefix-cache", "compute every prompt from its start")
    .option("--image-cache <bytes>", "of visual tokens, kept for images that come again", number)
    .option("--step-trace <file>", "Chrome trace of the engine's steps")
    .option("--visual-tokens <m>", "tokens per image of a C-Abstractor, a square number", number);
}

export function addGenerationOptions(command: Command): Command {
  return command
    .option("--max-tokens <n>", "most tokens of the answer (default 512)", number)
    .option("--min-tokens <n>", "no end before", number)
    .option("--temperature <t>", "0 is greedy", number)
    .option("--top-k <k>", "sample among the k likeliest", number)
    .option("--top-p <p>", "sample among the likeliest with this probability together", number)
    .option("--min-p <p>", "drop tokens below this share of the likeliest", number)
    .option("--repetition-penalty <x>", "divides logits of seen tokens", number)
    .option("--presence-penalty <x>", "subtracted from logits of seen tokens", number)
    .option("--frequency-penalty <x>", "subtracted for each time seen", number)
    .option("--no-repeat-ngram-size <n>", "no n tokens occur twice", number)
    .option("--logit-bias <id=bias>", "repeatable", bias)
    .option("--stop <text>", "ends the answer; repeatable", collect)
    .option("--seed <n>", "of sampling", number)
    .option("--n <n>", "answers to the same prompt", number)
    .option("--beams <n>", "beam search with n beams", number)
    .option("--length-penalty <x>", "beams: answers are ranked by log-probability / length^x", number)
    .option("--early-stopping [when]", "beams: stop when there are enough answers, or never", earlyStopping)
    .option("--prompt-lookup <n>", "guess n tokens a step from what was there before", number)
    .option("--logprobs [top]", "log-probabilities, and of the likeliest tokens", logprobs)
    .option("--prompt-logprobs [top]", "the same of the prompt's tokens", logprobs)
    .option("--ignore-eos", "go on past the end token")
    .option("--priority <n>", "larger goes first", number)
    .option("--timeout <ms>", "fail when it takes longer, waiting included", number)
    .option("--response-format <f>", "json, FILE.json with a JSON Schema, or regex:PATTERN", responseFormat);
}

export function addPromptOptions(command: Command): Command {
  return command
    .option("--template <row>", "a row of the template set, or none")
    .option("--system <which>", "base, message, none or a text")
    .addOption(new Option("--encoding <which>", "of the prompt").choices(CHOICES.encoding));
}

function pick(flags: object, names: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(flags).filter(
    ([name, value]) => names.includes(name) && value !== undefined,
  );
  return Object.fromEntries(entries);
}

export function modelOptions(flags: ModelFlags): ModelOptions {
  return pick(flags, MODEL_NAMES);
}

export function generationOptions(flags: GenerationFlags): GenerationOptions {
  // commander reads "--no-repeat-ngram-size" as the negation of "repeatNgramSize", with a value all the same.
  const { repeatNgramSize } = flags as { repeatNgramSize?: number | boolean };
  const noRepeatNgramSize = typeof repeatNgramSize === "number" ? { noRepeatNgramSize: repeatNgramSize } : {};
  return { ...pick(flags, GENERATION_NAMES), ...noRepeatNgramSize };
}

export function promptOptions(
  flags: GenerationFlags,
): Pick<GenerationFlags, "template" | "system" | "encoding"> {
  return pick(flags, PROMPT_NAMES);
}
