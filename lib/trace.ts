import { writeFile } from "node:fs/promises";
import type { TraceTensor } from "./native.js";

/** A tensor to write: float32, or int32 for ids. */
export type OutputTensor = Omit<TraceTensor, "values"> & { values: Float32Array | Int32Array };

/** Writes tensors as one safetensors file (format of huggingface/safetensors: u64 header length, JSON, data). */
export async function writeTensors(path: string, tensors: readonly OutputTensor[]): Promise<void> {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    const dtype = values instanceof Float32Array ? "F32" : "I32";
    header[name] = { dtype, shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil((text.length + 8) / 64) * 64 - 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const data = tensors.map(({ values }) => Buffer.from(values.buffer, values.byteOffset, values.byteLength));
  await writeFile(path, Buffer.concat([length, json, ...data]));
}
