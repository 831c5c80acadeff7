import { readFileSync, writeFileSync } from "node:fs";

/** A tensor to write: raw little-endian bytes. */
export interface WritableTensor {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

/** A tensor of a trace, widened to float32; integer tensors stay integers. */
export interface LoadedTensor {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** A safetensors file in memory, tensors in the order given. */
export function safetensorsBytes(tensors: Record<string, WritableTensor>): Buffer {
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.length] };
    end += data.length;
  }
  return withHeader(JSON.stringify(header), ...Object.values(tensors).map(({ data }) => data));
}

/** Length, header text and data: also for headers that lie. */
export function withHeader(header: string, ...data: Uint8Array[]): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), ...data]);
}

export function writeSafetensors(path: string, tensors: Record<string, WritableTensor>): void {
  writeFileSync(path, safetensorsBytes(tensors));
}

/** A float32 tensor from numbers. */
export function float32Tensor(shape: number[], values: Iterable<number>): WritableTensor {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return { dtype: "F32", shape, data };
}

/**
 * Loads every tensor of a safetensors file, as golden traces need. Written apart from the package's own
 * reader, so that each checks the other.
 */
export function loadTensors(path: string): Map<string, LoadedTensor> {
  const bytes = readFileSync(path);
  const dataStart = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString("utf8", 8, dataStart)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, LoadedTensor>();
  for (const [name, { dtype, shape, data_offsets: range }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const data = bytes.subarray(dataStart + range[0], dataStart + range[1]);
    tensors.set(name, { shape, data: widen(dtype, data) });
  }
  return tensors;
}

/** Little-endian elements as numbers. */
export function widen(dtype: string, bytes: Uint8Array): Float32Array | Int32Array {
  const copy = new Uint8Array(bytes).buffer; // aligned, whatever the offset in the file
  switch (dtype) {
    case "F32":
      return new Float32Array(copy);
    case "I32":
      return new Int32Array(copy);
    case "I64":
      return Int32Array.from(new BigInt64Array(copy), Number);
    case "BF16":
      return new Float32Array(Uint32Array.from(new Uint16Array(copy), (bits) => bits << 16).buffer);
    case "F16":
      return Float32Array.from(new Uint16Array(copy), widenHalf);
    case "I8":
      return Int32Array.from(new Int8Array(copy));
    case "U8":
    case "F8_E4M3":
      return Int32Array.from(new Uint8Array(copy));
    default:
      throw new Error(`test support does not read ${dtype}`);
  }
}

function widenHalf(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}
