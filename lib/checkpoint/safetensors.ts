import { elementBytes, elementCount, formatShape, isShape } from "./dtypes.js";
import { checkpointError, quote, show } from "./fail.js";
import { isObject, parseJsonObject, refuseDuplicateKeys } from "./json.js";
import { guessContent, type RawTensor, type WeightFile } from "./weight-file.js";

/** The header of a 70B model has 0.1 MB. */
const MAX_HEADER_BYTES = 32 * 2 ** 20;

/**
 * Reads the table of a safetensors file: u64 header length, JSON header, data. As the format demands, the
 * tensors must tile the data without overlap or hole, and each range must equal shape × dtype.
 */
export async function readSafetensors(file: WeightFile): Promise<RawTensor[]> {
  const head = await file.read(0, Math.min(file.size, 64));
  const headerBytes = head.length < 8 ? 0n : head.readBigUInt64LE();
  if (headerBytes < 2n || headerBytes > BigInt(file.size - 8) || head[8] !== 0x7b) {
    const guess = guessContent(head);
    throw checkpointError(
      `${file.path} is not a safetensors file of ${file.size} bytes` +
        `${guess && `: ${guess}`}; its first 8 bytes announce a header of ${headerBytes} bytes.`,
    );
  }
  if (headerBytes > MAX_HEADER_BYTES) {
    throw checkpointError(
      `${file.path} announces a header of ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are read.`,
    );
  }
  const text = (await file.read(8, Number(headerBytes))).toString("utf8");
  const where = `the header of ${file.path}`;
  const header = parseJsonObject(text, where);
  refuseDuplicateKeys(text, where);

  const dataStart = 8 + Number(headerBytes);
  const tensors: RawTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") tensors.push(readEntry(file.path, name, entry, dataStart));
  }
  checkTiling(file, tensors, dataStart);
  return tensors;
}

function readEntry(path: string, name: string, entry: unknown, dataStart: number): RawTensor {
  const refuse = (problem: string) => checkpointError(`${path}: tensor ${quote(name)} ${problem}.`);
  if (!isObject(entry)) throw refuse("has no description");
  const { dtype, shape, data_offsets: range } = entry;
  const bytes = typeof dtype === "string" ? elementBytes(dtype) : undefined;
  if (bytes === undefined) throw refuse(`has the unknown dtype ${show(dtype)}`);
  if (!isShape(shape)) throw refuse("has a shape that is not a list of at most 8 sizes");
  if (!isShape(range) || range.length !== 2 || range[0]! > range[1]!) {
    throw refuse("has data_offsets that are not [begin, end]");
  }
  const [begin, end] = range as [number, number];
  const count = elementCount(shape);
  if (count === undefined || count * bytes !== end - begin) {
    throw refuse(`has ${end - begin} bytes, but ${dtype} ${formatShape(shape)} takes another number`);
  }
  return { name, dtype: dtype as string, shape, offset: dataStart + begin, byteLength: end - begin };
}

function checkTiling(file: WeightFile, tensors: readonly RawTensor[], dataStart: number): void {
  const ordered = [...tensors].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let position = dataStart;
  for (const { name, offset, byteLength } of ordered) {
    if (offset + byteLength > file.size) {
      throw checkpointError(
        `${file.path}: tensor ${quote(name)} ends at byte ${offset + byteLength}, but the file has only ` +
          `${file.size}: it is truncated; copy it again.`,
      );
    }
    if (offset < position) throw checkpointError(`${file.path}: tensor ${quote(name)} overlaps another.`);
    if (offset > position) {
      throw checkpointError(
        `${file.path}: ${offset - position} bytes before ${quote(name)} belong to no tensor.`,
      );
    }
    position = offset + byteLength;
  }
  if (position !== file.size) {
    throw checkpointError(`${file.path}: the last ${file.size - position} bytes belong to no tensor.`);
  }
}
