// Files built here byte by byte, whose pixels are therefore known, and goldens cut at many places.
import { readFileSync } from "node:fs";
import t from "tap";
import { decodeImage } from "../lib/image/index.js";
import { bmpFile, gifFile, pngChunk, pngFile } from "./support/image-files.js";
import { Random } from "./support/mutate.js";
import { goldenPath } from "./support/paths.js";

const WIDTH = 13;
const HEIGHT = 9;
const random = new Random(3);
const bytes = (count: number) => Uint8Array.from({ length: count }, () => random.below(256));
const colours = (count: number) => Array.from({ length: count }, () => [...bytes(3)]);

/** The picture of a function from column and row to colour. */
function picture(colour: (x: number, y: number) => number[], width = WIDTH, height = HEIGHT): Uint8Array {
  return Uint8Array.from(
    Array.from({ length: width * height }, (_, i) => colour(i % width, Math.floor(i / width))).flat(),
  );
}

const rgbOf = async (file: Uint8Array) => (await decodeImage(file)).data;

/** Rows of `bits` a pixel, padded to four bytes. */
function bmpRows(bits: number): { data: Uint8Array; stride: number } {
  const stride = Math.ceil((WIDTH * bits) / 32) * 4;
  return { data: bytes(stride * HEIGHT), stride };
}

t.test("BMP with a palette of 1, 4 and 8 bits", async (t) => {
  for (const bits of [1, 4, 8]) {
    const palette = colours(2 ** bits);
    const { data, stride } = bmpRows(bits);
    const index = (x: number, y: number) =>
      (data[(HEIGHT - 1 - y) * stride + Math.floor((x * bits) / 8)]! >> (8 - bits - ((x * bits) % 8))) &
      (2 ** bits - 1);
    const file = bmpFile({ width: WIDTH, height: HEIGHT, bits, data, palette });
    t.same(
      await rgbOf(file),
      picture((x, y) => palette[index(x, y)]!),
      `${bits} bits`,
    );
    const short = bmpFile({ width: WIDTH, height: HEIGHT, bits, data, palette: palette.slice(0, 2) });
    t.same(
      await rgbOf(short),
      picture((x, y) => (index(x, y) < 2 ? palette[index(x, y)]! : [0, 0, 0])),
      `${bits} bits, two colours`,
    );
  }
});

t.test("BMP of 16, 24 and 32 bits, upside down and not", async (t) => {
  const scaled = (value: number, mask: number, shift: number) =>
    Math.floor((((value & mask) >>> shift) * 255) / (mask >>> shift));
  const cases = [
    { bits: 16, masks: [], channels: [0x7c00, 0x3e0, 0x1f], shifts: [10, 5, 0] },
    { bits: 16, masks: [0xf800, 0x7e0, 0x1f], channels: [0xf800, 0x7e0, 0x1f], shifts: [11, 5, 0] },
    { bits: 24, masks: [], channels: [0xff0000, 0xff00, 0xff], shifts: [16, 8, 0] },
    { bits: 32, masks: [], channels: [0xff0000, 0xff00, 0xff], shifts: [16, 8, 0] },
    { bits: 32, masks: [0xff, 0xff00, 0xff0000], channels: [0xff, 0xff00, 0xff0000], shifts: [0, 8, 16] },
  ];
  for (const { bits, masks, channels, shifts } of cases) {
    for (const topDown of [false, true]) {
      const { data, stride } = bmpRows(bits);
      const pixel = (x: number, y: number) =>
        Buffer.from(data).readUIntLE((topDown ? y : HEIGHT - 1 - y) * stride + (x * bits) / 8, bits / 8);
      const compression = masks.length > 0 ? 3 : 0;
      const file = bmpFile({
        width: WIDTH,
        height: topDown ? -HEIGHT : HEIGHT,
        bits,
        data,
        compression,
        masks,
      });
      const expected = picture((x, y) => channels.map((mask, c) => scaled(pixel(x, y), mask, shifts[c]!)));
      t.same(
        await rgbOf(file),
        expected,
        `${bits} bits, masks ${masks}, ${topDown ? "top" : "bottom"} first`,
      );
    }
  }
});

t.test("BMP in runs", async (t) => {
  const palette = colours(256);
  const row = (...indices: number[]) => [...indices, ...Array(WIDTH).fill(0)].slice(0, WIDTH);
  // The lowest row: 4 × 7, then 1 2 3 as they are (and a filler), end of row; 2 to the right and 1 up; 255 × 9; the end.
  const stream = [4, 7, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 2, 1, 255, 9, 0, 1];
  const rows = [row(7, 7, 7, 7, 1, 2, 3), row(), row(0, 0, ...Array(WIDTH).fill(9))];
  const make = (data: number[]) =>
    bmpFile({ width: WIDTH, height: 3, bits: 8, data: Uint8Array.from(data), compression: 1, palette });
  const expected = (there: number[][]) => picture((x, y) => palette[there[2 - y]![x]!]!, WIDTH, 3);
  t.same(await rgbOf(make(stream)), expected(rows));
  t.same(await rgbOf(make(stream.slice(0, 3))), expected([row(7, 7, 7, 7), row(), row()]), "cut");

  const nibbles = [3, 0x12, 0, 5, 0x34, 0x56, 0x70, 0, 0, 1];
  const file = bmpFile({
    width: WIDTH,
    height: 1,
    bits: 4,
    data: Uint8Array.from(nibbles),
    compression: 2,
    palette: palette.slice(0, 16),
  });
  t.same(
    await rgbOf(file),
    picture((x) => palette[row(1, 2, 1, 3, 4, 5, 6, 7)[x]!]!, WIDTH, 1),
    "4 bits",
  );
});

t.test("a cut BMP keeps its rows; the others are black or the first colour", async (t) => {
  const { data, stride } = bmpRows(24);
  const whole = bmpFile({ width: WIDTH, height: HEIGHT, bits: 24, data });
  const full = await rgbOf(whole);
  const cut = await rgbOf(whole.subarray(0, whole.length - 2 * stride - 2));
  t.same(
    cut,
    picture((x, y) => (y < 3 ? [0, 0, 0] : [...full.subarray((y * WIDTH + x) * 3, (y * WIDTH + x) * 3 + 3)])),
  );
});

const palette = colours(256);
const indices = bytes(WIDTH * HEIGHT);

t.test("GIF", async (t) => {
  const colourAt = (x: number, y: number) => palette[indices[y * WIDTH + x]!]!;
  const whole = {
    width: WIDTH,
    height: HEIGHT,
    frame: [0, 0, WIDTH, HEIGHT] as [number, number, number, number],
    indices,
    palette,
  };
  t.same(await rgbOf(gifFile(whole)), picture(colourAt), "one frame");
  t.same(
    await rgbOf(gifFile({ ...whole, transparent: indices[5]! })),
    picture(colourAt),
    "transparent pixels keep their colour",
  );

  const order = [0, 8, 4, 2, 6, 1, 3, 5, 7];
  t.same(
    await rgbOf(gifFile({ ...whole, interlaced: true })),
    picture((x, y) => colourAt(x, order.indexOf(y))),
    "interlaced",
  );
  const [left, top] = [5, 3];
  const inFrame = (x: number, y: number) => x >= left && y >= top && x < left + WIDTH && y < top + HEIGHT;
  const expected = (background: number) => (x: number, y: number) =>
    inFrame(x, y) ? colourAt(x - left, y - top) : palette[background]!;
  const part = {
    ...whole,
    width: 40,
    height: 20,
    frame: [left, top, WIDTH, HEIGHT] as [number, number, number, number],
  };
  t.same(await rgbOf(gifFile(part)), picture(expected(0), 40, 20), "a frame smaller than the screen");
  t.same(
    await rgbOf(gifFile({ ...part, transparent: 9 })),
    picture(expected(9), 40, 20),
    "on a transparent background",
  );
  const { width, height } = await decodeImage(gifFile({ ...part, width: 2, height: 2 }));
  t.same([width, height], [left + WIDTH, top + HEIGHT], "a frame larger than the screen");
});

t.test("16-bit gray with alpha keeps the high byte", async (t) => {
  const samples = bytes(WIDTH * HEIGHT * 4);
  const rows = Buffer.concat(
    Array.from({ length: HEIGHT }, (_, y) =>
      Buffer.from([0, ...samples.subarray(y * WIDTH * 4, (y + 1) * WIDTH * 4)]),
    ),
  );
  const file = pngFile({ width: WIDTH, height: HEIGHT, depth: 16, colourType: 4, rows });
  t.same(
    await rgbOf(file),
    picture((x, y) => Array(3).fill(samples[(y * WIDTH + x) * 4])),
  );
});

t.test("PNG gamma, significant bits and a palette that is too short change nothing else", async (t) => {
  const rows = Buffer.concat(Array.from({ length: HEIGHT }, () => Buffer.from([0, ...bytes(WIDTH)])));
  const gray = { width: WIDTH, height: HEIGHT, depth: 8, colourType: 0, rows };
  const extra = [pngChunk("gAMA", Buffer.from([0, 1, 0x86, 0xa0])), pngChunk("sBIT", Buffer.from([5]))];
  t.same(await rgbOf(pngFile({ ...gray, before: extra })), await rgbOf(pngFile(gray)));
  const indexed = pngFile({ ...gray, colourType: 3, before: [pngChunk("PLTE", Buffer.from([1, 2, 3]))] });
  const found = await rgbOf(indexed);
  t.ok(rows.every((index, i) => index !== 0 || i % (WIDTH + 1) === 0 || found.length === WIDTH * HEIGHT * 3));
});

const read = (name: string) => readFileSync(goldenPath("preprocess", "images", name));

t.test("a PNG cut anywhere keeps whole rows and is black below", async (t) => {
  const file = read("rgb.png");
  const { data, width, height } = await decodeImage(file);
  let before = 0;
  for (let cut = 60; cut < file.length; cut += 997) {
    const part = await rgbOf(file.subarray(0, cut));
    let rows = 0;
    const rowOf = (picture: Uint8Array, y: number) =>
      Buffer.from(picture.subarray(y * width * 3, (y + 1) * width * 3));
    while (rows < height && rowOf(part, rows).equals(rowOf(data, rows))) rows++;
    t.ok(
      part.subarray(rows * width * 3).every((value) => value === 0),
      `cut at ${cut}: ${rows} rows, then black`,
    );
    t.ok(rows >= before, "more bytes, no fewer rows");
    before = rows;
  }
  t.ok(before > height / 2, "most rows in the end");
  t.same(await rgbOf(file.subarray(0, file.length - 12)), data, "only the end chunk is missing");
});

t.test("cut and damaged files of every format give what is left of them", async (t) => {
  for (const name of [
    "interlaced.png",
    "palette.png",
    "gray16.png",
    "baseline.jpg",
    "progressive.jpg",
    "cmyk.jpg",
    "still.gif",
  ]) {
    const file = read(name);
    const whole = await decodeImage(file);
    for (const share of [0.6, 0.7, 0.8, 0.9]) {
      const { data, width, height } = await decodeImage(file.subarray(0, Math.floor(file.length * share)));
      t.same(
        [width, height, data.length],
        [whole.width, whole.height, whole.data.length],
        `${name}, ${share} of it`,
      );
    }
  }
});

t.test("a progressive JPEG cut inside a Huffman table keeps the scans before", async (t) => {
  const file = read("progressive.jpg");
  const table = file.lastIndexOf(Buffer.from([0xff, 0xc4]));
  const [cut, clean] = [
    await rgbOf(file.subarray(0, table + 6)),
    await rgbOf(Buffer.concat([file.subarray(0, table), Buffer.from([0xff, 0xd9])])),
  ];
  t.same(cut, clean);
  t.ok(new Set(cut).size > 16, "a picture");
});

t.test("CMYK means the same with and without Adobe's marker", async (t) => {
  const file = read("cmyk.jpg");
  const marker = file.indexOf(Buffer.from([0xff, 0xee]));
  const without = Buffer.concat([
    file.subarray(0, marker),
    file.subarray(marker + 2 + file.readUInt16BE(marker + 2)),
  ]);
  t.same(await rgbOf(without), await rgbOf(file));
});
