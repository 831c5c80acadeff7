import type { StoredDtype } from "./types.js";

/** Bytes per element of every dtype a header may name, in safetensors' spelling. */
const ELEMENT_BYTES = new Map<string, number>([
  ["F64", 8],
  ["F32", 4],
  ["F16", 2],
  ["BF16", 2],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["I64", 8],
  ["I32", 4],
  ["I16", 2],
  ["I8", 1],
  ["U64", 8],
  ["U32", 4],
  ["U16", 2],
  ["U8", 1],
  ["BOOL", 1],
]);

/** More dims than any network here has (convolution weights have four). */
const MAX_RANK = 8;

/** Bytes per element, or undefined for an unknown dtype. */
export function elementBytes(dtype: string): number | undefined {
  return ELEMENT_BYTES.get(dtype);
}

/** True for the dtypes that the network computes from. */
export function isStoredDtype(dtype: string): dtype is StoredDtype {
  return dtype === "F32" || dtype === "BF16" || dtype === "F16";
}

/** Narrows parsed JSON or pickle content to dims: at most eight non-negative safe integers. */
export function isShape(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.length <= MAX_RANK && value.every((d) => Number.isSafeInteger(d) && d >= 0)
  );
}

/** Number of elements, or undefined when it exceeds 2^53 (no file holds that). */
export function elementCount(shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const dim of shape) {
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Strides in elements of a contiguous row-major tensor. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** `[2, 3]`, for messages. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
