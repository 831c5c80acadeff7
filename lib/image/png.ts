import { constants, crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE_LENGTH = 8;
/** Samples a pixel by colour type. */
const CHANNELS = [1, 0, 3, 1, 2, 0, 4];

interface Chunk {
  type: string;
  body: Buffer;
}

/**
 * A cut PNG completed as Pillow reads it: the rows that are there in full, then zeros. Whole files, interlaced ones and
 * ones cut before their header come back as they are.
 */
export function completePng(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks = readChunks(file);
  const header = chunks.find(({ type }) => type === "IHDR")?.body;
  if (chunks.some(({ type }) => type === "IEND") || header?.length !== 13 || header[12] !== 0) return bytes;
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const rowBytes = 1 + Math.ceil((width * header[8]! * (CHANNELS[header[9]!] ?? 1)) / 8);
  const compressed = chunks.filter(({ type }) => type === "IDAT").map(({ body }) => body);
  const pixels = Buffer.alloc(rowBytes * height);
  const there = inflatePart(Buffer.concat(compressed), pixels.length);
  there.copy(pixels, 0, 0, Math.floor(there.length / rowBytes) * rowBytes);
  return Buffer.concat([
    file.subarray(0, SIGNATURE_LENGTH),
    ...chunks.filter(({ type }) => type !== "IDAT").map(writeChunk),
    writeChunk({ type: "IDAT", body: deflateSync(pixels, { level: 1 }) }),
    writeChunk({ type: "IEND", body: Buffer.alloc(0) }),
  ]);
}

/** The chunks of a file; the body of the last one may be cut, other cut chunks are left out. */
function readChunks(file: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_LENGTH; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const body = file.subarray(at + 8, Math.min(file.length, at + 8 + length));
    if (body.length === length || type === "IDAT") chunks.push({ type, body });
    at += 12 + length;
  }
  return chunks;
}

/** As much as can be inflated of a cut stream, at most `limit` bytes. */
function inflatePart(compressed: Buffer, limit: number): Buffer {
  try {
    return inflateSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: limit + 1 });
  } catch {
    return Buffer.alloc(0);
  }
}

function writeChunk({ type, body }: Chunk): Buffer {
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, "latin1");
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}
