import { checkpointError, quote } from "./fail.js";
import { guessContent, type WeightFile } from "./weight-file.js";

/** The bytes of one stored (uncompressed) entry. */
export interface ZipEntry {
  offset: number;
  size: number;
}

const END_BYTES = 22;
const END64_LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const MAX_COMMENT_BYTES = 0xffff;
/** 100 bytes an entry; a 70B model has 750 storages. */
const MAX_DIRECTORY_BYTES = 4 * 2 ** 20;
const IN_ZIP64_EXTRA = 0xffffffff;

/**
 * Lists a zip archive (zip64 too) from its central directory (APPNOTE 6.3, sections 4.3.7-4.3.16). Entries must be stored,
 * unencrypted, distinct, inside the file and disjoint: exactly what torch.save writes.
 */
export async function readZip(file: WeightFile): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(file);
  const bytes = await file.read(directory.offset, directory.size);
  const entries = new Map<string, ZipEntry>();
  let position = 0;
  for (let i = 0; i < directory.entries; i++) {
    if (position + CENTRAL_BYTES > bytes.length || bytes.readUInt32LE(position) !== 0x02014b50) {
      throw damaged(file, `entry ${i} of its directory is not where it should be`);
    }
    const flags = bytes.readUInt16LE(position + 8);
    const method = bytes.readUInt16LE(position + 10);
    const nameEnd = position + CENTRAL_BYTES + bytes.readUInt16LE(position + 28);
    const extraEnd = nameEnd + bytes.readUInt16LE(position + 30);
    const next = extraEnd + bytes.readUInt16LE(position + 32);
    if (next > bytes.length) throw damaged(file, `entry ${i} of its directory is cut`);
    const name = bytes.toString("utf8", position + CENTRAL_BYTES, nameEnd);
    if (method !== 0 || (flags & 1) !== 0) {
      throw checkpointError(
        `${file.path}: entry ${quote(name)} is compressed or encrypted; torch.save stores entries plainly. Save it again with torch.save.`,
      );
    }
    if (entries.has(name)) throw damaged(file, `it has two entries ${quote(name)}`);
    const { size, stored, header } = entrySizes(file, bytes, position, nameEnd, extraEnd, name);
    if (size !== stored) throw damaged(file, `entry ${quote(name)} has two sizes`);
    const offset = await dataOffset(file, header, name);
    if (offset + size > directory.offset) throw damaged(file, `entry ${quote(name)} runs into the directory`);
    entries.set(name, { offset, size });
    position = next;
  }
  refuseOverlaps(file, entries);
  return entries;
}

interface Directory {
  offset: number;
  size: number;
  entries: number;
}

async function findDirectory(file: WeightFile): Promise<Directory> {
  const head = await file.read(0, Math.min(file.size, 64));
  if (head.length < END_BYTES || head.readUInt32LE() !== 0x04034b50) {
    const guess = guessContent(head);
    throw checkpointError(
      `${file.path} is not a zip archive as torch.save has written since 1.6${guess && `: ${guess}`}; ` +
        "convert an older file by loading and saving it with a current torch.",
    );
  }
  const tailBytes = Math.min(file.size, END_BYTES + MAX_COMMENT_BYTES);
  const tail = await file.read(file.size - tailBytes, tailBytes);
  let end = tail.length - END_BYTES;
  while (end >= 0 && !(tail.readUInt32LE(end) === 0x06054b50 && commentFills(tail, end))) end--;
  if (end < 0) throw damaged(file, "its end is missing; it is truncated, copy it again");

  const endOffset = file.size - tailBytes + end;
  const directory = {
    entries: tail.readUInt16LE(end + 10),
    size: tail.readUInt32LE(end + 12),
    offset: tail.readUInt32LE(end + 16),
  };
  const locator = end - END64_LOCATOR_BYTES;
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    const at = safe(file, tail.readBigUInt64LE(locator + 8));
    if (at + END64_BYTES > endOffset - END64_LOCATOR_BYTES)
      throw damaged(file, "its zip64 end record is misplaced");
    const end64 = await file.read(at, END64_BYTES);
    if (end64.readUInt32LE() !== 0x06064b50) throw damaged(file, "its zip64 end record is missing");
    directory.entries = safe(file, end64.readBigUInt64LE(32));
    directory.size = safe(file, end64.readBigUInt64LE(40));
    directory.offset = safe(file, end64.readBigUInt64LE(48));
  }
  if (directory.size > MAX_DIRECTORY_BYTES || directory.offset + directory.size > endOffset) {
    throw damaged(file, `it announces a directory of ${directory.size} bytes at byte ${directory.offset}`);
  }
  return directory;
}

function commentFills(tail: Buffer, end: number): boolean {
  return end + END_BYTES + tail.readUInt16LE(end + 20) === tail.length;
}

/** Sizes and header position; values of 0xffffffff stand in the zip64 extra field, in this order. */
function entrySizes(
  file: WeightFile,
  bytes: Buffer,
  position: number,
  extraStart: number,
  extraEnd: number,
  name: string,
): { size: number; stored: number; header: number } {
  const sizes = {
    size: bytes.readUInt32LE(position + 24),
    stored: bytes.readUInt32LE(position + 20),
    header: bytes.readUInt32LE(position + 42),
  };
  const missing = (["size", "stored", "header"] as const).filter((key) => sizes[key] === IN_ZIP64_EXTRA);
  for (let at = extraStart; missing.length > 0; ) {
    if (at + 4 > extraEnd) throw damaged(file, `entry ${quote(name)} lacks its zip64 sizes`);
    const length = bytes.readUInt16LE(at + 2);
    if (bytes.readUInt16LE(at) === 0x0001) {
      if (length < 8 * missing.length || at + 4 + length > extraEnd) {
        throw damaged(file, `entry ${quote(name)} has cut zip64 sizes`);
      }
      missing.forEach((key, i) => {
        sizes[key] = safe(file, bytes.readBigUInt64LE(at + 4 + 8 * i));
      });
      break;
    }
    at += 4 + length;
  }
  return sizes;
}

/** The local header repeats the name and has its own padding (torch aligns data to 64 bytes with it). */
async function dataOffset(file: WeightFile, header: number, name: string): Promise<number> {
  const nameBytes = Buffer.from(name);
  if (header + LOCAL_BYTES + nameBytes.length > file.size) {
    throw damaged(file, `entry ${quote(name)} lies beyond its end`);
  }
  const local = await file.read(header, LOCAL_BYTES + nameBytes.length);
  const matches =
    local.readUInt32LE() === 0x04034b50 &&
    local.readUInt16LE(8) === 0 &&
    local.readUInt16LE(26) === nameBytes.length &&
    local.subarray(LOCAL_BYTES).equals(nameBytes);
  if (!matches) throw damaged(file, `the local header of ${quote(name)} contradicts the directory`);
  return header + LOCAL_BYTES + nameBytes.length + local.readUInt16LE(28);
}

function refuseOverlaps(file: WeightFile, entries: ReadonlyMap<string, ZipEntry>): void {
  let end = 0;
  for (const [name, entry] of [...entries].sort((a, b) => a[1].offset - b[1].offset)) {
    if (entry.offset < end) throw damaged(file, `entry ${quote(name)} overlaps another`);
    end = entry.offset + entry.size;
  }
}

function safe(file: WeightFile, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged(file, `it names the position ${value}`);
  return Number(value);
}

function damaged(file: WeightFile, problem: string): Error {
  return checkpointError(`${file.path} is a damaged zip archive: ${problem}.`);
}
