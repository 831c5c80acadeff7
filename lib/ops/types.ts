import type { GenerationOptions } from "../model/options.js";

/** The dtypes that matrices have on a device. Values cross as float32 and are rounded on the way there. */
export type FloatDtype = "f32" | "bf16" | "f16";

/** What a weight may be kept as: int8 and fp8 (e4m3) have a scale a row, int4 a scale and a zero for 32 columns. */
export type WeightFormat = FloatDtype | "int8" | "int4" | "fp8";

/** A row-major matrix [rows, cols]. */
export interface Matrix {
  readonly data: Float32Array;
  readonly rows: number;
  readonly cols: number;
  /** What it is on the device, and so what is computed. Default "f32", the only one of the CPU. */
  readonly dtype?: FloatDtype | undefined;
}

/** What an operation answers with whole numbers. */
export type Int32Matrix = Omit<Matrix, "data" | "dtype"> & { readonly data: Int32Array };
/** What an operation answers with bytes. */
export type ByteMatrix = Omit<Matrix, "data" | "dtype"> & { readonly data: Uint8Array };

/** A feature grid, whose cells are rows in row-major order. */
export interface Grid {
  readonly height: number;
  readonly width: number;
}

/** A KV cache in blocks of 16 positions, as paged attention reads it. */
export interface KvShape {
  readonly layers: number;
  readonly kvHeads: number;
  /** Even for `ropeAppend`. */
  readonly headDim: number;
  /** Of all sequences together. */
  readonly blocks: number;
  /** "f32" (default), "bf16", "int8", or on a GPU "fp8". */
  readonly dtype?: "f32" | "bf16" | "int8" | "fp8" | undefined;
}

/** Which rows belong to which sequence, and where its keys and values lie in the cache. */
export interface PagedBatch {
  /** [sequences + 1]: sequence s has the rows rowBegin[s] … rowBegin[s + 1] - 1. */
  readonly rowBegin: Int32Array;
  /** [sequences]: the position of each one's first row; -1 for padding, whose rows give zeros. */
  readonly start: Int32Array;
  /** [sequences, n]: block b of a sequence holds its positions 16·b … 16·b + 15. */
  readonly blocks: Int32Array;
}

/** Attention without a mask. */
export interface AttentionOptions {
  /** Items stacked in the rows. Default 1. */
  readonly batch?: number | undefined;
  readonly heads: number;
  /** Of the scores. Default 1/√d. */
  readonly scale?: number | undefined;
  /** "bf16" allows rounding q, k, v and the probabilities inside the products. Default "f32". */
  readonly product?: "f32" | "bf16" | undefined;
}

export interface PagedOptions {
  /** Of the cache. Default 0. */
  readonly layer?: number | undefined;
}

export interface PagedAttentionOptions extends PagedOptions {
  /** Of the scores. Default 1/√d. */
  readonly scale?: number | undefined;
}

/** How the next token of one row is chosen: the sampling options of `generate`, and what they look at. */
export interface SampleRow extends GenerationOptions {
  /** Which of several answers to one prompt: a stream of draws of its own. Default 0. */
  readonly sequence?: number | undefined;
  /** Tokens that the penalties and the n-gram rule see. */
  readonly history?: Int32Array | undefined;
  /** Tokens ruled out this time. */
  readonly banned?: Int32Array | undefined;
  /**
   * A bit for each token, token 0 the lowest of the first word: those without one, and all beyond the last word, are
   * ruled out. Default: all may be chosen.
   */
  readonly allowed?: Uint32Array | undefined;
  /** How many tokens were drawn before. Default 0. */
  readonly position?: number | undefined;
}

export interface TokenLogprobs {
  /** [n]: natural logarithms of the given tokens' probabilities. */
  readonly logprobs: Float32Array;
  /** [n, top] */
  readonly topIds: Int32Array;
  /** [n, top] */
  readonly topLogprobs: Float32Array;
}

export interface ResizeOptions extends Grid {
  /** The size of the whole picture after the resize. */
  readonly resized: Grid;
  /** The part of it that is kept. Default: all. */
  readonly window?: (Grid & { readonly left: number; readonly top: number }) | undefined;
}

export interface PatchifyOptions {
  /** S of square images, at most 32768. */
  readonly imageSize: number;
  /** Side of a patch in pixels; divides imageSize. */
  readonly patch: number;
  /** Of value / 255, for red, green and blue. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Of the patches. Default "f32". */
  readonly dtype?: FloatDtype | undefined;
}

export interface DeformableOptions {
  /** Items stacked in the rows. Default 1. */
  readonly batch?: number | undefined;
  readonly heads: number;
  /** Samples of each head on each level. */
  readonly points: number;
  /** The feature maps, stacked in the rows of the value. At most 64. */
  readonly levels: readonly Grid[];
}

export type Activation = "silu" | "gelu" | "quick_gelu" | "relu";

/** One operation as `timed` saw it. */
export interface OpTiming {
  /** "linear", "layer_norm": the name that the device gives it. */
  readonly op: string;
  /** Median of the samples, milliseconds. */
  readonly ms: number;
  /** Milliseconds of each run. */
  readonly samples: Float64Array;
}

/** Where and how to compute. */
export interface OpsOptions {
  /** A name of `devices()`. Default "cpu". */
  device?: string | undefined;
  /** CPU threads. Default: as many as the process may run on. */
  threads?: number | undefined;
  /** The CPU's instruction set, one of the device's `isas`. Default: HONEYBEE_ISA, else the best there is. */
  isa?: string | undefined;
  /** A row's bits do not depend on the rows beside it, with bf16 weights too. Default false. */
  batchInvariant?: boolean | undefined;
}

/** A device that works on this machine. */
export interface Device {
  /** What the option `device` takes. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** What the option `isa` takes, from the slowest to the best; empty where it does not apply. */
  readonly isas: readonly string[];
}

export interface OpsInfo {
  readonly device: string;
  /** One line for people: the processor, the instruction set, threads. */
  readonly description: string;
  /** What matrices may be here. */
  readonly dtypes: readonly FloatDtype[];
}
