import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ErrorCode, HoneybeeError } from "./errors.js";
import type { WeightDtype } from "./model/spec.js";
import type { Profile } from "./profile/types.js";

/** Sampling options as the native side reads them; see `GenerationOptions` for their meaning. */
export interface NativeSampling {
  temperature?: number | undefined;
  topK?: number | undefined;
  topP?: number | undefined;
  minP?: number | undefined;
  repetitionPenalty?: number | undefined;
  presencePenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  noRepeatNgramSize?: number | undefined;
  biasTokens?: number[] | undefined;
  biasValues?: number[] | undefined;
  seed?: number | undefined;
  sequence?: number | undefined;
}

export interface NativeImage {
  /** [S, S, 3], or what `resize` makes that of: [height, width, 3] */
  rgb?: Uint8Array;
  /** For the device to do. */
  resize?: { width: number; height: number; size: number; mode: "squash" | "shortest-edge-crop" };
  /** [M + K, D] */
  tokens?: Float32Array;
}

/** Of a prompt of P tokens, NaN where nothing is known. */
export interface NativePromptLogprobs {
  /** [P] */
  logprobs: Float32Array;
  /** [P, n] */
  topTokens: Int32Array;
  /** [P, n] */
  topLogprobs: Float32Array;
}

export interface NativeRequest extends NativeSampling {
  id: number;
  /** -1 at visual positions; empty to encode the images only. */
  ids: Int32Array;
  images: NativeImage[];
  history?: Int32Array | undefined;
  stopTokens: number[];
  maxTokens: number;
  minTokens?: number | undefined;
  /** Above 1: beam search; its best `answers` come with the end. */
  beams?: number | undefined;
  answers?: number | undefined;
  lengthPenalty?: number | undefined;
  earlyStopping?: "no" | "yes" | "never" | undefined;
  promptLookup?: number | undefined;
  logprobs?: number | undefined;
  promptLogprobs?: number | undefined;
  /** What the answer must be like: what compileFormat gave. */
  format?: NativeFormat | undefined;
  trace?: boolean | undefined;
  rawLogits?: number | undefined;
  /** What was computed for requests with another number does not serve this one. */
  salt?: number | undefined;
  priority?: number | undefined;
  timeout?: number | undefined;
}

declare const vocabularyBrand: unique symbol;
declare const formatBrand: unique symbol;
/** The bytes of each token, for masks. */
export interface NativeVocabulary {
  [vocabularyBrand]: true;
}
/** A compiled response format with the masks found so far. */
export interface NativeFormat {
  [formatBrand]: true;
}
/** What a response format is compiled from: a JSON Schema as JSON text, or a pattern. */
export interface NativeFormatSource {
  kind: "schema" | "regex";
  text: string;
}
/** Reads documents of a format, for tests and benchmarks. */
export interface NativeFormatReader {
  /** Of a whole document: whether it is of the format, or begins one. */
  reads(document: Uint8Array): "no" | "begins" | "complete";
  /** A bit for each token that may come next; `remaining` counts this token and the stop token. */
  mask(remaining: number, stopTokens: number[]): Uint32Array;
  /** Takes a token; false if the format does not allow it. */
  accept(token: number): boolean;
  /** A document is complete and nothing can follow. */
  finished(): boolean;
}

export interface NativeTimings {
  queuedMs: number;
  encodeMs: number;
  prefillMs: number;
  decodeMs: number;
}

export interface TraceTensor {
  name: string;
  shape: number[];
  values: Float32Array;
}

interface NativeOutcome {
  reason: "stop" | "length" | "abort" | "error";
  code?: ErrorCode;
  message?: string;
}

export type NativeEvent =
  | { kind: "progress"; bytes: number }
  | { kind: "ready" }
  | {
      kind: "token";
      request: number;
      token: number;
      logprob?: number;
      top?: { token: number; logprob: number }[];
    }
  | ({
      kind: "end";
      request: number;
      timings: NativeTimings;
      cachedTokens: number;
      rawLogits?: Float32Array;
      promptLogprobs?: NativePromptLogprobs;
      visualTokens?: Float32Array;
      trace?: TraceTensor[];
      /** Of a beam search, best first. */
      hypotheses?: { tokens: Int32Array; score: number; stopped: boolean }[];
    } & NativeOutcome)
  | ({ kind: "closed" } & NativeOutcome);

/** What an engine is doing and has done since it was loaded, for all who share it; counters never fall. */
export interface EngineStats {
  /** Requests that wait for a place or for memory. */
  waiting: number;
  running: number;
  /** Blocks of 16 tokens of the KV cache: nobody's, nobody's but kept for prompts that begin alike, in use. */
  blocksFree: number;
  blocksCached: number;
  blocksUsed: number;
  /** Bytes of visual tokens kept for images that come again. */
  imageCacheBytes: number;
  /** Steps of the language model. */
  steps: number;
  /** Those of them that a GPU was asked for before the tokens of the step before were read. */
  stepsAhead: number;
  /** Milliseconds in which the engine's thread did something, and those of them in steps and images. */
  busyMs: number;
  modelMs: number;
  /** Tokens of the prompts let in so far, and how many of them were in the prefix cache. */
  promptTokens: number;
  cachedTokens: number;
  generatedTokens: number;
  /** Tokens guessed by promptLookup and computed, and those of them that were right. */
  draftedTokens: number;
  acceptedTokens: number;
  blockEvictions: number;
  /** How often a request gave its memory to another, to be computed again later. */
  preemptions: number;
  imagesEncoded: number;
  /** Images asked for that were encoded already, or were just being encoded. */
  imageHits: number;
  imageEvictions: number;
}

export interface NativeModel {
  submit(request: NativeRequest): void;
  cancel(id: number): void;
  /** True if a `closed` event follows. */
  dispose(): boolean;
  info(): {
    device: string;
    description: string;
    weightBytes: number;
    kvBytes: number;
    kvBlocks: number;
    loadMs: number;
  };
  stats(): EngineStats;
  /** What the engine does from now on, whoever asks for it. */
  startProfile(mostOps: number): void;
  /** Ends it; a `NativeProfile` as JSON, written off the event loop. */
  stopProfile(): Promise<string>;
}

/** A profile as the native side takes it. */
export type NativeProfile = Pick<Profile, "clock" | "wallMs" | "ops" | "gaps" | "phases"> & {
  /** The most operations were recorded before it was stopped. */
  full: boolean;
  lostOps: number;
  droppedRecords: number;
};

/** What a device reaches, a second; see `DeviceRates` in src/engine/rates.h. */
export interface NativeRates {
  /** Bytes read plus bytes written by a copy. */
  copy: number;
  /** Bytes of weights read to multiply one row. */
  read: number;
  /** Floating-point operations of a product of many rows. */
  product: number;
}

/** A device; `problem` says why it cannot be used, empty if it can. */
export interface NativeDevice {
  name: string;
  description: string;
  problem: string;
  isas: string[];
}

/** One stored matrix, read in slices of rows; wherever its bytes are missing that is an ERR_CHECKPOINT. */
export interface NativeMatrixReader {
  /** Its own codes where it is stored in this format, else its values quantized to it. */
  codes(request: { format: "int8" | "int4" | "fp8"; begin: number; count: number }): NativeCodes;
  /** [count, columns] */
  floats(request: { begin: number; count: number }): Float32Array;
}

/** Codes of rows, one a byte: value = scale · (code - zero). */
export interface NativeCodes {
  /** [rows, columns]; int8 from 0 to 255 with the zero 128, fp8 the bits of an e4m3. */
  codes: Uint8Array;
  /** [rows, groups] */
  scales: Float32Array;
  /** [rows, groups] of int4. */
  zeros: Uint8Array;
  /** Columns of one scale. */
  group: number;
}

export interface NativeAddon {
  MatrixReader: new (matrix: { folder: string; files: string[]; tensor: object }) => NativeMatrixReader;
  Model: new (spec: object, listener: (events: NativeEvent[]) => void) => NativeModel;
  warpLogits(logits: Float32Array, history: Int32Array, options: NativeSampling): Float32Array;
  /**
   * @param tokens `bytes` of all tokens in a row, those of token i up to `ends[i]`; `losesSpace[i]`: 1 where a leading
   *   space is dropped at the start of a text
   */
  vocabulary(tokens: { bytes: Uint8Array; ends: Uint32Array; losesSpace: Uint8Array }): NativeVocabulary;
  /** On a thread of its own. */
  compileFormat(source: NativeFormatSource, vocabulary: NativeVocabulary): Promise<NativeFormat>;
  FormatReader: new (format: NativeFormat) => NativeFormatReader;
  /** What loading a model with these dtypes asks for. */
  listTensors(config: object, weights: object): { name: string; shape: number[]; dtype: WeightDtype }[];
  /** The CPU, or the devices that a backend library finds; throws why it finds none. */
  listDevices(kind?: "cuda" | "simt", path?: string): NativeDevice[];
  /** Lines on the libraries that a backend library opens itself: which it uses, or what it tried. */
  libraryNotes(path: string): string[];
  /** On a thread of its own. */
  measureRates(options: {
    device: string;
    library?: string;
    threads: number | undefined;
    batchInvariant: boolean;
    weights: WeightDtype;
  }): Promise<NativeRates>;
}

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/** The folder with package.json. */
export const packageRoot: string = root;

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  return version;
}

function load(): NativeAddon {
  const require = createRequire(import.meta.url);
  const named = process.env.HONEYBEE_ADDON;
  if (named) return require(named) as NativeAddon;
  const built = join(root, "build", "Release", "honeybee.node");
  if (existsSync(built)) return require(built) as NativeAddon;
  const platform = `honeybee-${process.platform}-${process.arch}`;
  let folder: string;
  try {
    folder = dirname(require.resolve(`${platform}/package.json`));
  } catch {
    throw new HoneybeeError(
      "ERR_DEVICE",
      `honeybee has no native part for ${process.platform}-${process.arch} here: neither the package ${platform} ` +
        "nor a build of its own; install with optional dependencies, or run `npm run build` in a checkout " +
        "(needs g++ and cmake)",
    );
  }
  return (require("node-gyp-build") as (folder: string) => NativeAddon)(folder);
}

/** The compiled part of the package. */
export const native: NativeAddon = load();

/** Runs a call of the native side, turning its errors into HoneybeeErrors. */
export function callNative<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asHoneybeeError(error);
  }
}

/** The same for a call that gives a promise. */
export async function awaitNative<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asHoneybeeError(error);
  }
}

function asHoneybeeError(error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (typeof code !== "string" || !code.startsWith("ERR_")) return error;
  return new HoneybeeError(code as ErrorCode, message, { cause: error });
}
