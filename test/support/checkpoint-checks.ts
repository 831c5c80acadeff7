import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Checkpoint, TensorRef } from "../../lib/checkpoint/index.js";

const BYTES = { F32: 4, BF16: 2, F16: 2 };

/** Throws unless every byte range of an opened checkpoint lies in its file and fits its shape. */
export function checkRanges({ tensors, files }: Checkpoint): void {
  const sizes = files.map((file) => statSync(file).size);
  const check = (ref: TensorRef): void => {
    const count = ref.shape.reduce((a, b) => a * b, 1);
    const strides = ref.strides ?? [];
    const span = ref.strides ? ref.shape.reduce((end, dim, i) => end + (dim - 1) * strides[i]!, 1) : count;
    const inside = ref.offset >= 0 && ref.offset + ref.byteLength <= sizes[ref.file]!;
    if (!inside || ref.byteLength !== span * BYTES[ref.dtype]) {
      throw new Error(`${ref.name}: bytes ${ref.offset} + ${ref.byteLength} of a file of ${sizes[ref.file]}`);
    }
    if (ref.lora) for (const part of [ref.lora.a, ref.lora.b]) check(part);
  };
  for (const [name, ref] of tensors) {
    if (ref.name !== name) throw new Error(`${ref.name} is filed under ${name}`);
    check(ref);
  }
}

/** Runs `use` with a fresh folder that is removed afterwards. */
export async function withTempFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "honeybee-test-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
