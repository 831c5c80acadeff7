import { optionError } from "../../check.js";
import type { FloatDtype, Matrix, Ops, Weight, WeightFormat } from "../../ops/index.js";
import type { Work } from "../../profile/roofline.js";

/** Sizes of an operation by name; those of `OpCase.sizes`. */
export type Sizes = Readonly<Record<string, number>>;

/** What an operation answers, as numbers in a row. */
export type Answer = Float32Array | Int32Array | Uint8Array;

/** An operation as `honeybee bench op` runs it. */
export interface OpCase {
  /** What --shape takes, and what it is without: sizes of a 1.1B model and CLIP ViT-L. */
  sizes: Sizes;
  /** What --dtype takes, and what it is the dtype of; the first is the default. */
  dtypes: readonly WeightFormat[];
  dtypeOf: "weights" | "matrices" | "cache" | "products";
  /** Puts the arguments where they are needed; the function that it returns calls the operation and nothing else. */
  prepare(make: Maker, sizes: Sizes): () => Answer;
  /** What it cannot avoid: each argument read once, each result written once, and the operations of its products. */
  work(sizes: Sizes, bytes: Bytes): Work;
}

/** How things are kept on a device. */
export interface Bytes {
  /** Of a value of a matrix. */
  matrix: number;
  /** Of a value of what --dtype tells. */
  kept: number;
  /** What --dtype tells. */
  dtype: WeightFormat;
  /** Of matrices. */
  matrixDtype: FloatDtype;
}

export const FLOATS: readonly FloatDtype[] = ["f32", "bf16", "f16"];

/** A matrix of more values takes longer to fill than to wait for. */
const MOST_VALUES = 2 ** 30;

/** Makes arguments: the same numbers in the same order on every device, between -1 and 1. */
export class Maker {
  #state = 1;

  constructor(
    readonly ops: Ops,
    readonly dtype: WeightFormat,
    readonly matrixDtype: FloatDtype,
  ) {}

  values(count: number): Float32Array {
    if (count > MOST_VALUES)
      throw optionError(`--shape makes ${count} values of one argument, at most ${MOST_VALUES} are possible`);
    const made = new Float32Array(count);
    // Numerical Recipes' generator; its upper bits are random enough.
    for (let i = 0; i < count; i++) {
      this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
      made[i] = this.#state / 2 ** 31;
    }
    return made;
  }

  /** Integers from 0 to below `below`. */
  integers(count: number, below: number): Int32Array {
    return Int32Array.from(this.values(count), (value) =>
      Math.min(below - 1, Math.floor(((value + 1) / 2) * below)),
    );
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from(this.integers(count, 256));
  }

  matrix(rows: number, cols: number, dtype: FloatDtype = this.matrixDtype): Matrix {
    return { data: this.values(rows * cols), rows, cols, dtype };
  }

  weight(out: number, inputs: number): Weight {
    return this.ops.weight(this.values(out * inputs), [out, inputs], this.dtype);
  }
}
