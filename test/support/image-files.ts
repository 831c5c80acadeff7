import { crc32, deflateSync } from "node:zlib";

/** A BMP file: the 40-byte header (or `headerBytes`), colour masks, palette and pixel data as given. */
export function bmpFile(options: {
  width: number;
  height: number;
  bits: number;
  data: Uint8Array;
  compression?: number;
  masks?: number[];
  /** RGB colours. */
  palette?: number[][];
}): Buffer {
  const { width, height, bits, data, compression = 0, masks = [], palette = [] } = options;
  const header = Buffer.alloc(54);
  header.write("BM", "latin1");
  const offset = 54 + 4 * masks.length + 4 * palette.length;
  header.writeUInt32LE(offset + data.length, 2);
  header.writeUInt32LE(offset, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(width, 18);
  header.writeInt32LE(height, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(bits, 28);
  header.writeUInt32LE(compression, 30);
  header.writeUInt32LE(palette.length, 46);
  const maskBytes = Buffer.from(Uint32Array.from(masks).buffer);
  const paletteBytes = Buffer.from(palette.flatMap(([r, g, b]) => [b!, g!, r!, 0]));
  return Buffer.concat([header, maskBytes, paletteBytes, data]);
}

/** A PNG chunk with its length and checksum. */
export function pngChunk(type: string, body: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + body.length);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(body, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + body.length)), 8 + body.length);
  return chunk;
}

const PNG_SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

/** A PNG file whose rows already carry their filter bytes. */
export function pngFile(options: {
  width: number;
  height: number;
  depth: number;
  colourType: number;
  rows: Uint8Array;
  before?: Buffer[];
}): Buffer {
  const { width, height, depth, colourType, rows, before = [] } = options;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colourType], 8);
  const chunks = [
    pngChunk("IHDR", header),
    ...before,
    pngChunk("IDAT", deflateSync(rows)),
    pngChunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([PNG_SIGNATURE, ...chunks]);
}

/** An LZW stream of a GIF that never fills its table: a clear code before each pair of indices. */
function lzwStream(indices: Uint8Array): Buffer {
  const [clear, end, bits] = [256, 257, 9];
  const codes = [...indices].flatMap((index, i) => (i % 2 === 0 ? [clear, index] : [index]));
  const packed: number[] = [];
  let buffer = 0;
  let buffered = 0;
  for (const code of [...codes, end]) {
    buffer |= code << buffered;
    for (buffered += bits; buffered >= 8; buffered -= 8, buffer >>>= 8) packed.push(buffer & 255);
  }
  packed.push(buffer);
  const blocks: number[] = [8];
  for (let i = 0; i < packed.length; i += 255) {
    const block = packed.slice(i, i + 255);
    blocks.push(block.length, ...block);
  }
  return Buffer.from([...blocks, 0]);
}

function u16(...values: number[]): Buffer {
  return Buffer.from(Uint16Array.from(values).buffer);
}

/** A GIF file of one frame of `frame` = [left, top, width, height] on its screen; indices in stored order. */
export function gifFile(options: {
  width: number;
  height: number;
  frame: [number, number, number, number];
  indices: Uint8Array;
  /** 256 RGB colours. */
  palette: number[][];
  transparent?: number;
  interlaced?: boolean;
}): Buffer {
  const { width, height, frame, indices, palette, transparent, interlaced = false } = options;
  const control = transparent === undefined ? [] : [0x21, 0xf9, 4, 1, 0, 0, transparent, 0];
  return Buffer.concat([
    Buffer.from("GIF89a"),
    u16(width, height),
    Buffer.from([0xf7, 0, 0, ...palette.flat(), ...control, 0x2c]),
    u16(...frame),
    Buffer.from([interlaced ? 0x40 : 0]),
    lzwStream(indices),
    Buffer.from([0x3b]),
  ]);
}
