import { Readable } from "node:stream";
import { constants, crc32, createDeflate, createInflate } from "node:zlib";

const SIGNATURE_BYTES = 8;
/** None, sub, up, average, Paeth. */
const LAST_FILTER = 4;
/** Samples a pixel by colour type; 0 where there is no such type. */
const CHANNELS = [1, 0, 3, 1, 2, 0, 4];
/** First column, first row, and the steps of the seven passes of an interlaced file. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Chunk {
  type: string;
  body: Buffer;
}

/** Rows of equal length as they follow each other in the stream: one group, or one for each pass. */
interface RowGroup {
  rows: number;
  rowBytes: number;
}

/**
 * A damaged PNG made whole as Pillow reads it: the rows that can be unpacked in full, then zeros.
 *
 * @returns undefined if too little is left of it to know its size
 */
export async function completePng(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks = readChunks(file);
  const header = chunks[0]?.type === "IHDR" ? chunks[0].body : undefined;
  const groups = header && rowGroups(header);
  if (!groups) return undefined;
  const first = chunks.findIndex(({ type }) => type === "IDAT");
  const before = first < 0 ? chunks : chunks.slice(0, first);
  const compressed: Buffer[] = [];
  for (let i = first; i >= 0 && chunks[i]?.type === "IDAT"; i++) compressed.push(chunks[i]!.body);

  const total = groups.reduce((sum, { rows, rowBytes }) => sum + rows * rowBytes, 0);
  const longest = Math.max(...groups.map(({ rowBytes }) => rowBytes));
  const unpacked = await inflateAvailable(compressed, total, longest);
  const complete = completeRows(groups, unpacked);
  return Buffer.concat([
    file.subarray(0, SIGNATURE_BYTES),
    ...before.filter(({ type }) => type !== "IEND").map(writeChunk),
    writeChunk({ type: "IDAT", body: await deflate(padded(complete, total)) }),
    writeChunk({ type: "IEND", body: Buffer.alloc(0) }),
  ]);
}

/** The chunks of a file. The body of a last IDAT may be cut; any other cut chunk is left out. */
function readChunks(file: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = SIGNATURE_BYTES; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const body = file.subarray(at + 8, Math.min(file.length, at + 8 + length));
    if (body.length === length || type === "IDAT") chunks.push({ type, body });
    at += 12 + length;
  }
  return chunks;
}

function rowGroups(header: Buffer): RowGroup[] | undefined {
  if (header.length !== 13) return undefined;
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const bitsPerPixel = header[8]! * (CHANNELS[header[9]!] ?? 0);
  if (width === 0 || height === 0 || bitsPerPixel === 0) return undefined;
  const rowBytes = (columns: number) => 1 + Math.ceil((columns * bitsPerPixel) / 8);
  if (header[12] === 0) return [{ rows: height, rowBytes: rowBytes(width) }];
  return ADAM7.map(([left, top, across, down]) => ({
    columns: Math.ceil((width - left) / across),
    rows: Math.ceil((height - top) / down),
  }))
    .filter(({ columns, rows }) => columns > 0 && rows > 0)
    .map(({ columns, rows }) => ({ rows, rowBytes: rowBytes(columns) }));
}

/** The complete rows at the start of `unpacked`; one whose filter does not exist ends them. */
function completeRows(groups: RowGroup[], unpacked: Buffer): Buffer {
  let end = 0;
  for (const { rows, rowBytes } of groups) {
    for (let row = 0; row < rows; row++) {
      if (end + rowBytes > unpacked.length || unpacked[end]! > LAST_FILTER) return unpacked.subarray(0, end);
      end += rowBytes;
    }
  }
  return unpacked.subarray(0, end);
}

/**
 * What can be unpacked of a stream that is cut or corrupt, up to `limit` bytes. zlib loses the piece in which it
 * meets an error, so a piece is no longer than a row (or zlib's least).
 */
function inflateAvailable(compressed: Buffer[], limit: number, rowBytes: number): Promise<Buffer> {
  const chunkSize = Math.max(constants.Z_MIN_CHUNK, rowBytes);
  const inflate = createInflate({ chunkSize, finishFlush: constants.Z_SYNC_FLUSH });
  const pieces: Buffer[] = [];
  let length = 0;
  return new Promise((resolve) => {
    const finish = () => resolve(Buffer.concat(pieces).subarray(0, limit));
    inflate.on("data", (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length >= limit) inflate.destroy();
    });
    inflate.once("error", finish).once("end", finish).once("close", finish);
    inflate.end(Buffer.concat(compressed));
  });
}

/** `bytes`, then zeros up to `total`. */
function* padded(bytes: Buffer, total: number): Generator<Buffer> {
  yield bytes;
  const zeros = Buffer.alloc(Math.min(1 << 20, total - bytes.length));
  for (let left = total - bytes.length; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
}

async function deflate(parts: Iterable<Buffer>): Promise<Buffer> {
  const packed: Buffer[] = [];
  const deflating = Readable.from(parts).pipe(createDeflate({ level: constants.Z_BEST_SPEED }));
  for await (const piece of deflating) packed.push(piece as Buffer);
  return Buffer.concat(packed);
}

function writeChunk({ type, body }: Chunk): Buffer {
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, "latin1");
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}
