import { elementBytes, elementCount, rowMajorStrides } from "./dtypes.js";
import { decodeFloats, encodeFloats } from "./floats.js";
import type { LoraRef, TensorRef } from "./types.js";
import type { WeightFile } from "./weight-file.js";

/** What is held of a weight at a time. */
export const SLICE_BYTES = 8 * 2 ** 20;

/**
 * Yields a tensor's elements in row-major order and in its own dtype, in slices of at most 8 MiB (one row, should that be more,
 * under LoRA). LoRA is merged in float and rounded back. A non-contiguous tensor is gathered whole; real checkpoints hold at
 * most small ones.
 *
 * @param files open files, indexed as {@link TensorRef.file}
 */
export async function* readTensor(files: readonly WeightFile[], tensor: TensorRef): AsyncGenerator<Buffer> {
  const width = tensor.lora ? tensor.shape[1]! : 1;
  const rowBytes = width * elementBytes(tensor.dtype)!;
  const sliceBytes = Math.max(1, Math.floor(SLICE_BYTES / rowBytes)) * rowBytes;
  const merge = tensor.lora && (await prepareMerge(files, tensor, tensor.lora));
  let row = 0;
  for await (const slice of contiguousSlices(files[tensor.file]!, tensor, sliceBytes)) {
    yield merge ? merge(slice, row) : slice;
    row += slice.length / rowBytes;
  }
}

/** Bytes that {@link readTensor} yields. */
export function packedBytes({ shape, dtype }: TensorRef): number {
  return elementCount(shape)! * elementBytes(dtype)!;
}

async function* contiguousSlices(
  file: WeightFile,
  tensor: TensorRef,
  sliceBytes: number,
): AsyncGenerator<Buffer> {
  const total = packedBytes(tensor);
  const gathered = tensor.strides && gather(await readSpan(file, tensor), tensor, tensor.strides);
  for (let at = 0; at < total; at += sliceBytes) {
    const length = Math.min(sliceBytes, total - at);
    yield gathered ? gathered.subarray(at, at + length) : await file.read(tensor.offset + at, length);
  }
}

async function readSpan(file: WeightFile, { offset, byteLength }: TensorRef): Promise<Buffer> {
  const span = Buffer.allocUnsafe(byteLength);
  for (let at = 0; at < byteLength; at += SLICE_BYTES) {
    await file.readInto(span.subarray(at, at + SLICE_BYTES), offset + at);
  }
  return span;
}

function gather(span: Buffer, { shape, dtype }: TensorRef, strides: readonly number[]): Buffer {
  const bytes = elementBytes(dtype)!;
  const steps = rowMajorStrides(shape);
  const count = elementCount(shape)!;
  const out = Buffer.allocUnsafe(count * bytes);
  for (let i = 0; i < count; i++) {
    let source = 0;
    for (let d = 0; d < shape.length; d++) source += (Math.floor(i / steps[d]!) % shape[d]!) * strides[d]!;
    span.copy(out, i * bytes, source * bytes, (source + 1) * bytes);
  }
  return out;
}

/** Returns a function that adds scale · B[rows] · A to a slice of whole rows that begins at `row`. */
async function prepareMerge(
  files: readonly WeightFile[],
  { shape, dtype }: TensorRef,
  { a, b, scale }: LoraRef,
): Promise<(slice: Buffer, row: number) => Buffer> {
  const load = async (ref: TensorRef) => decodeFloats(ref.dtype, await readSpan(files[ref.file]!, ref));
  const [aValues, bValues] = [await load(a), await load(b)]; // [r, in], [out, r]
  const width = shape[1]!;
  const rank = a.shape[0]!;
  const sum = new Float64Array(width);
  return (slice, row) => {
    const values = decodeFloats(dtype, slice);
    for (let start = 0; start < values.length; start += width, row++) {
      sum.fill(0);
      for (let k = 0; k < rank; k++) {
        const factor = bValues[row * rank + k]!;
        for (let j = 0; j < width; j++) sum[j]! += factor * aValues[k * width + j]!;
      }
      for (let j = 0; j < width; j++) values[start + j]! += scale * sum[j]!;
    }
    return encodeFloats(dtype, values);
  };
}
