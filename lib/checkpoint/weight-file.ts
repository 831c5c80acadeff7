import { type FileHandle, open, stat } from "node:fs/promises";
import { checkpointError } from "./fail.js";

/** A tensor as its file describes it: original name, any dtype, range already checked against the file. */
export interface RawTensor {
  name: string;
  /** In safetensors' spelling, whatever the container. */
  dtype: string;
  shape: number[];
  offset: number;
  byteLength: number;
  strides?: number[];
}

/** A weight file open for reading byte ranges; every failure is a HoneybeeError naming the file. */
export class WeightFile {
  private constructor(
    readonly path: string,
    /** Bytes, when it was opened. */
    readonly size: number,
    /** Size and modification time, when it was opened: changes when somebody writes to the file. */
    readonly version: string,
    private readonly handle: FileHandle,
  ) {}

  /** Opens a regular file; directories, pipes and devices are refused before they could block. */
  static async open(path: string): Promise<WeightFile> {
    try {
      const status = await stat(path, { bigint: true });
      if (!status.isFile())
        throw checkpointError(`${path} is not a regular file; a weight file was expected.`);
      const handle = await open(path, "r");
      return new WeightFile(path, Number(status.size), `${status.size}@${status.mtimeNs}`, handle);
    } catch (error) {
      throw fileError(path, error);
    }
  }

  /** Reads exactly `length` bytes at `offset`; the caller bounds `length`. */
  async read(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    await this.readInto(buffer, offset);
    return buffer;
  }

  /** Fills `buffer` from `offset` on. */
  async readInto(buffer: Uint8Array, offset: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.handle
        .read(buffer, done, buffer.length - done, offset + done)
        .catch((error: unknown) => {
          throw fileError(this.path, error);
        });
      if (bytesRead === 0) {
        throw checkpointError(
          `${this.path} ends at byte ${offset + done}, but ${offset + buffer.length} were expected: ` +
            "it is truncated or being written; copy it again.",
        );
      }
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Opens `path`, hands it to `use`, and closes it whatever happens. */
export async function withWeightFile<T>(path: string, use: (file: WeightFile) => Promise<T>): Promise<T> {
  const file = await WeightFile.open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Turns a file-system error into a sentence; HoneybeeErrors pass through. */
export function fileError(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === "HoneybeeError") return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT" || code === "ENOTDIR") return checkpointError(`${path} does not exist.`, error);
  if (code === "EACCES" || code === "EPERM") {
    return checkpointError(`${path} cannot be read: permission denied. Change its mode or owner.`, error);
  }
  return checkpointError(`${path} cannot be read: ${(error as Error).message}`, error);
}

/** What a file that is not a checkpoint seems to be, from its first bytes; empty when nothing is recognised. */
export function guessContent(head: Buffer): string {
  if (head.length === 0) return "it is empty";
  if (head.subarray(0, 4).equals(Buffer.from("PK\x03\x04")))
    return "it is a zip archive, as torch.save writes";
  if (head.toString("latin1", 0, 23) === "version https://git-lfs") {
    return "it is a Git LFS pointer; fetch the content with `git lfs pull`";
  }
  if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return "it is a bare pickle";
  if (head.length > 9 && head[8] === 0x7b && head.readBigUInt64LE() < 2n ** 32n)
    return "it is a safetensors file";
  if (head.subarray(0, 16).every((byte) => byte >= 9 && byte < 127)) return "it is text";
  return "";
}
