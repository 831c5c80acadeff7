// Every way to hand an image over, and every one that is refused, with words that name it.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import t from "tap";
import { HoneybeeError } from "../lib/errors.js";
import { decodeImage, type ImageInput, preprocess } from "../lib/image/index.js";
import { fuzzImages } from "./support/mutate-image.js";
import { goldenPath } from "./support/paths.js";

const path = goldenPath("images", "a.png");
const bytes = readFileSync(path);

t.test("the same picture from every kind of input", async (t) => {
  const expected = await decodeImage(path);
  t.same([expected.width, expected.height], [90, 60]);
  const { data, width, height } = expected;
  const rgba = new Uint8Array((data.length / 3) * 4);
  for (let i = 0; i < data.length / 3; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  const inputs: Record<string, ImageInput> = {
    "file: URL": pathToFileURL(path),
    Buffer: bytes,
    "Uint8Array with an offset": new Uint8Array(Buffer.concat([Buffer.alloc(3), bytes])).subarray(3),
    ArrayBuffer: new Uint8Array(bytes).buffer,
    Blob: new Blob([bytes]),
    "data: string": `data:image/png;base64,${bytes.toString("base64")}`,
    "data: URL": new URL(`data:image/png;base64,${bytes.toString("base64")}`),
    "raw RGB": { data, width, height, channels: 3 },
    "raw RGBA": { data: rgba, width, height, channels: 4 },
  };
  for (const [name, input] of Object.entries(inputs)) t.same((await decodeImage(input)).data, data, name);
  const gray = await decodeImage({ data: Uint8Array.of(7, 250), width: 2, height: 1, channels: 1 });
  t.same([...gray.data], [7, 7, 7, 250, 250, 250], "raw gray");
});

t.test("refused, by name", async (t) => {
  const bomb = Buffer.from(bytes);
  bomb.writeUInt32BE(60000, 16);
  bomb.writeUInt32BE(60000, 20);
  const cases: [string, unknown, RegExp][] = [
    ["empty", Buffer.alloc(0), /0 bytes.*is empty/],
    ["text", Buffer.from("hello, I am no picture"), /is (a )?text.*supported are/],
    ["HTML", Buffer.from("<!DOCTYPE html><p>404"), /an HTML page/],
    ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/],
    ["PDF", Buffer.from("%PDF-1.7"), /a PDF/],
    ["no such file", "nowhere/cat.jpg", /nowhere\/cat\.jpg: there is no such file/],
    ["a folder", goldenPath("images"), /is a folder/],
    ["a remote URL", "https://example.org/cat.jpg", /fetch it/],
    ["a number", 5, /is number/],
    ["only a signature", bytes.subarray(0, 8), /cannot be decoded/],
    ["more pixels than allowed, by header alone", bomb, /60000.60000 pixels.*maxImagePixels/],
    [
      "raw of the wrong length",
      { data: new Uint8Array(5), width: 2, height: 1, channels: 3 },
      /6 bytes.*not 5/,
    ],
    ["raw of no pixels", { data: new Uint8Array(0), width: 0, height: 0, channels: 3 }, /no pixels/],
    [
      "raw of two channels",
      { data: new Uint8Array(2), width: 1, height: 1, channels: 2 },
      /2 channels/,
    ],
  ];
  for (const [name, input, message] of cases) {
    const error = await decodeImage(input as ImageInput).then(
      () => undefined,
      (e) => e as HoneybeeError,
    );
    t.ok(error instanceof HoneybeeError && error.code === "ERR_IMAGE", `${name}: ERR_IMAGE`);
    t.match(error?.message, message, name);
  }
});

t.test("one pixel, one row, one column; a limit of the caller's", async (t) => {
  for (const [width, height] of [
    [1, 1],
    [300, 1],
    [1, 300],
    [5000, 3],
  ] as const) {
    const data = new Uint8Array(width * height * 3).fill(200);
    const { rgb } = await preprocess({ data, width, height, channels: 3 }, { size: 28 });
    t.ok(
      rgb.every((value) => value === 200),
      `${width} x ${height}: a flat picture stays flat`,
    );
  }
  await t.rejects(preprocess(path, { size: 28, maxImagePixels: 100 }), { code: "ERR_IMAGE" });
  await t.rejects(preprocess(path, { size: 0 }), { code: "ERR_OPTION" });
  await t.rejects(preprocess(path, { size: 28, sise: 3 } as never), {
    code: "ERR_OPTION",
    message: /sise.*did you mean "size"/,
  });
});

t.test("mutated pictures end in a picture or an ERR_IMAGE", async (t) => {
  const count = Number(process.env.HONEYBEE_FUZZ_COUNT ?? 200);
  const { failures, decoded, refused } = await fuzzImages(Number(process.env.HONEYBEE_FUZZ_SEED ?? 1), count);
  t.same(failures, []);
  t.equal(decoded + refused, count);
  t.ok(decoded > 0 && refused > 0, `${decoded} decoded, ${refused} refused`);
});
