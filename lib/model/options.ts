import { checkBoolean, checkChoice, checkNames, checkNumber, checkSignal, optionError } from "../check.js";
import type { NativeFormatSource, NativeSampling } from "../native.js";
import { type CheckedBeams, checkBeams } from "./beams.js";
import { checkResponseFormat, type ResponseFormat } from "./response-format.js";

/** How a model is loaded. */
export interface ModelOptions {
  /** Where to compute: "auto" (default), "cpu", "cuda", "cuda:1", "simt". */
  device?: string | undefined;
  /**
   * Weights in memory: "auto" (default: as stored, at most 2 bytes each), "f32", "bf16", "f16"; "int8", "int4", "fp8" for the
   * language model, beside which vision tower and projector stay as with auto. D-Abstractors stay f32.
   */
  weights?: string | undefined;
  /** The KV cache: "auto" (default: f32 beside f32 weights, else bf16), "f32", "bf16", "int8", and on a GPU "fp8". */
  kv?: string | undefined;
  /** Longest sequence in tokens, images included. Default: what the model was trained for. */
  context?: number | undefined;
  /** Requests that run at once; more wait. Default 64: memory is taken as answers grow. */
  maxSequences?: number | undefined;
  /** Bytes for weights and KV cache. Default: what the machine has. */
  memory?: number | undefined;
  /** CPU threads. Default: one a core. */
  threads?: number | undefined;
  /** Path of tokenizer.model or tokenizer.json when it is not in the model's folder. */
  tokenizer?: string | undefined;
  /** Images with more pixels are refused before decoding. Default 2^28. */
  maxImagePixels?: number | undefined;
  /** The same bits for a request whatever runs beside it, in bf16 and on GPUs too; prompts take longer. Default false. */
  batchInvariant?: boolean | undefined;
  /** A prompt that begins like an earlier one, images included, is computed only from where they part. Default true. */
  prefixCache?: boolean | undefined;
  /** Bytes of visual tokens kept for images that come again, at most an eighth of the memory. Default 2^28, 0: none. */
  imageCache?: number | undefined;
  /** File to write a Chrome trace of the engine's steps to: what each computed, what each request was doing when. */
  stepTrace?: string | undefined;
  /** Visual tokens per image of a C-Abstractor: any square number. Default: the checkpoint's. */
  visualTokens?: number | undefined;
  /** Stops loading. */
  signal?: AbortSignal | undefined;
  /** Told of the share of weights read, 0 to 1. */
  onProgress?: ((fraction: number) => void) | undefined;
}

/** How an answer is generated. Greedy unless a sampling option is given. */
export interface GenerationOptions {
  /** Most tokens of the answer. Default 512, at most what the context leaves. */
  maxTokens?: number | undefined;
  /** No end before this many tokens, neither by the end token nor by a stop text. Default 0. */
  minTokens?: number | undefined;
  /** 0 is greedy. Default 1 if another sampling option is given, else 0. */
  temperature?: number | undefined;
  /** Sample among the k likeliest tokens. 0: off. */
  topK?: number | undefined;
  /** Sample among the fewest tokens with this much probability together, in [0, 1]; 0 leaves the likeliest. */
  topP?: number | undefined;
  /** Drop tokens less likely than this share of the likeliest, in [0, 1]. */
  minP?: number | undefined;
  /** Divides the logits of tokens seen before; 1: off. */
  repetitionPenalty?: number | undefined;
  /** Subtracted once from the logits of tokens seen before. */
  presencePenalty?: number | undefined;
  /** Subtracted for each time a token was seen. */
  frequencyPenalty?: number | undefined;
  /** No sequence of this many tokens occurs twice. 0: off. */
  noRepeatNgramSize?: number | undefined;
  /** Added to the logits of token ids. */
  logitBias?: Record<number, number> | Map<number, number> | undefined;
  /** Texts that end the answer and are not part of it. */
  stop?: string | readonly string[] | undefined;
  /** For sampling: the same seed gives the same answer, on every device and in every batch. */
  seed?: number | undefined;
  /** Answers to the same prompt. Default 1. */
  n?: number | undefined;
  /**
   * Beam search: how many continuations go on together. Default 1: none. The best `n`, at most `beams`, are the answers,
   * which come all at once; penalties, `logitBias`, `minTokens` and `ignoreEos` work as always. Not beside sampling,
   * `stop`, `logprobs` or a response format.
   */
  beams?: number | undefined;
  /** Answers are ranked by the sum of their log-probabilities / length^lengthPenalty. Default 1. */
  lengthPenalty?: number | undefined;
  /**
   * When beams stop: true as soon as there are `beams` answers; false (the default) when none can get better at its
   * present length; "never" when none can at any length.
   */
  earlyStopping?: boolean | "never" | undefined;
  /**
   * Prompt-lookup decoding: a step guesses up to so many tokens, at most 64, as what followed the last ones when they
   * occurred before, and computes them at once. The answer stays the same, sampled ones too, on the CPU in f32 and with
   * `batchInvariant`; elsewhere but for rounding. Worth it where answers quote their prompts or repeat themselves.
   * Without effect beside `beams` and `responseFormat`. Default 0: none.
   */
  promptLookup?: number | undefined;
  /** Log-probabilities of the model's own distribution, before any option: true, or how many likeliest tokens beside. */
  logprobs?: boolean | number | undefined;
  /**
   * The same of the prompt's tokens, each given those before it: `result.promptLogprobs`. The prompt is then computed
   * whole, whatever is known of it. Not beside `beams`.
   */
  promptLogprobs?: boolean | number | undefined;
  /** What the answer must be like. Default: any text. */
  responseFormat?: ResponseFormat | undefined;
  /** Go on past the end token. */
  ignoreEos?: boolean | undefined;
  /** Larger goes first, -1000 to 1000; a level outweighs a minute of waiting. Default 0. */
  priority?: number | undefined;
  /** Milliseconds for the whole request, waiting included; beyond them it fails with ERR_OVERLOADED. Default: none. */
  timeout?: number | undefined;
  /** Stops the answer; iterator and result reject with its reason. */
  signal?: AbortSignal | undefined;
}

/** Generation options, checked and with their defaults. */
export interface CheckedGeneration {
  sampling: NativeSampling;
  maxTokens: number;
  minTokens: number;
  stop: string[];
  n: number;
  beams: CheckedBeams | undefined;
  promptLookup: number;
  logprobs: number;
  promptLogprobs: number;
  format: NativeFormatSource | undefined;
  ignoreEos: boolean;
  priority: number;
  timeout: number;
  signal: AbortSignal | undefined;
}

/** The names of all generation options. */
export const GENERATION_NAMES: readonly string[] = [
  "maxTokens",
  "minTokens",
  "temperature",
  "topK",
  "topP",
  "minP",
  "repetitionPenalty",
  "presencePenalty",
  "frequencyPenalty",
  "noRepeatNgramSize",
  "logitBias",
  "stop",
  "seed",
  "n",
  "beams",
  "lengthPenalty",
  "earlyStopping",
  "promptLookup",
  "promptLogprobs",
  "logprobs",
  "responseFormat",
  "ignoreEos",
  "priority",
  "timeout",
  "signal",
];
/** The names of all model options. */
export const MODEL_NAMES: readonly string[] = [
  "device",
  "weights",
  "kv",
  "context",
  "maxSequences",
  "memory",
  "threads",
  "tokenizer",
  "maxImagePixels",
  "batchInvariant",
  "prefixCache",
  "imageCache",
  "stepTrace",
  "visualTokens",
  "signal",
  "onProgress",
];
const SAMPLING_NAMES = ["temperature", "topK", "topP", "minP", "seed"] as const;

/** The values that an option with a fixed set of words may have. */
export const CHOICES = {
  weights: ["auto", "f32", "bf16", "f16", "int8", "int4", "fp8"],
  kv: ["auto", "f32", "bf16", "int8", "fp8"],
  encoding: ["head", "legacy"],
} as const;

function checkStop(value: unknown): string[] {
  if (value === undefined) return [];
  const stop = typeof value === "string" ? [value] : value;
  if (Array.isArray(stop) && stop.length <= 64 && stop.every((s) => typeof s === "string" && s !== ""))
    return stop as string[];
  throw optionError("stop must be a text or up to 64 texts, none of them empty");
}

function checkLogprobs(name: string, value: unknown): number {
  if (value === undefined || value === false) return -1;
  if (value === true) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 100_000) return value;
  throw optionError(`${name} must be true, false or how many likeliest tokens to tell, not ${String(value)}`);
}

function checkLogitBias(value: unknown): { biasTokens?: number[]; biasValues?: number[] } {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null)
    throw optionError("logitBias must map token ids to numbers");
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const biasTokens = entries.map(([id]) => Number(id));
  const biasValues = entries.map(([, bias]) => bias as number);
  for (const [i, id] of biasTokens.entries()) {
    if (!Number.isInteger(id) || id < 0)
      throw optionError(`logitBias: ${String(entries[i]![0])} is not a token id`);
    if (typeof biasValues[i] !== "number" || !Number.isFinite(biasValues[i])) {
      throw optionError(
        `logitBias: the bias of token ${id} must be a finite number, not ${String(biasValues[i])}`,
      );
    }
  }
  return { biasTokens, biasValues };
}

function checkFormat({
  responseFormat,
  noRepeatNgramSize,
}: GenerationOptions): NativeFormatSource | undefined {
  const format = checkResponseFormat(responseFormat);
  if (format && noRepeatNgramSize)
    throw optionError(
      "responseFormat: no answer of a format can be promised beside noRepeatNgramSize; leave one out",
    );
  return format;
}

/** @throws HoneybeeError ERR_OPTION naming a biased token that the model does not have */
export function checkBias(tokens: readonly number[] = [], vocabSize: number): void {
  const unknown = tokens.find((id) => id >= vocabSize);
  if (unknown === undefined) return;
  throw optionError(`logitBias: token ${unknown} is outside the model's vocabulary of ${vocabSize}`);
}

/** Defaults to greedy; any sampling option without a temperature means temperature 1. */
function checkSampling(options: GenerationOptions): NativeSampling {
  const number = (name: keyof GenerationOptions) => checkNumber(name, options[name]);
  const isSampling = SAMPLING_NAMES.some((name) => options[name] !== undefined);
  return {
    temperature: number("temperature") ?? (isSampling ? 1 : 0),
    topK: number("topK"),
    topP: number("topP"),
    minP: number("minP"),
    repetitionPenalty: number("repetitionPenalty"),
    presencePenalty: number("presencePenalty"),
    frequencyPenalty: number("frequencyPenalty"),
    noRepeatNgramSize: number("noRepeatNgramSize"),
    ...checkLogitBias(options.logitBias),
    seed: number("seed") ?? Math.floor(Math.random() * 2 ** 48),
  };
}

/**
 * @param others names that the caller reads itself
 * @throws HoneybeeError ERR_OPTION naming the option at fault
 */
export function checkGeneration(
  options: GenerationOptions,
  others: readonly string[] = [],
): CheckedGeneration {
  checkNames(options, [...GENERATION_NAMES, ...others], "generation option");
  return {
    sampling: checkSampling(options),
    maxTokens: checkNumber("maxTokens", options.maxTokens) ?? 512,
    minTokens: checkNumber("minTokens", options.minTokens) ?? 0,
    stop: checkStop(options.stop),
    n: checkNumber("n", options.n) ?? 1,
    beams: checkBeams(options),
    promptLookup: checkNumber("promptLookup", options.promptLookup) ?? 0,
    logprobs: checkLogprobs("logprobs", options.logprobs),
    promptLogprobs: checkLogprobs("promptLogprobs", options.promptLogprobs),
    format: checkFormat(options),
    ignoreEos: checkBoolean("ignoreEos", options.ignoreEos),
    priority: checkNumber("priority", options.priority) ?? 0,
    timeout: checkNumber("timeout", options.timeout) ?? 0,
    signal: checkSignal(options.signal),
  };
}

/** The options of `warpLogits`: only those that change logits. */
export function checkWarp(options: GenerationOptions): NativeSampling {
  checkNames(options, GENERATION_NAMES, "sampling option");
  return checkSampling(options);
}

/** @throws HoneybeeError ERR_OPTION naming the option at fault */
export function checkModelOptions(options: ModelOptions): void {
  checkNames(options, MODEL_NAMES, "model option");
  for (const name of [
    "context",
    "maxSequences",
    "memory",
    "threads",
    "maxImagePixels",
    "imageCache",
    "visualTokens",
  ] as const) {
    checkNumber(name, options[name]);
  }
  checkChoice("weights", options.weights, CHOICES.weights);
  checkChoice("kv", options.kv, CHOICES.kv);
  checkBoolean("batchInvariant", options.batchInvariant);
  checkBoolean("prefixCache", options.prefixCache);
  if (
    options.stepTrace !== undefined &&
    (typeof options.stepTrace !== "string" || options.stepTrace === "")
  ) {
    throw optionError("stepTrace must be the path of a file");
  }
  checkSignal(options.signal);
  if (options.onProgress !== undefined && typeof options.onProgress !== "function") {
    throw optionError("onProgress must be a function");
  }
  if (options.device !== undefined && !/^(auto|cpu|simt|cuda(:\d+)?)$/.test(options.device)) {
    throw optionError(
      `device must be auto, cpu, cuda, cuda:N or simt, not ${JSON.stringify(options.device)}`,
    );
  }
}
