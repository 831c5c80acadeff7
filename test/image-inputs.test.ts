// Every kind of image a caller may have, and what is refused, in which words.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import t from "tap";
import { decodeImage, type ImageInput, image, preprocess } from "../lib/image/index.js";
import { bmpFile, gifFile, pngChunk, pngFile } from "./support/image-files.js";
import { goldenPath } from "./support/paths.js";

const path = goldenPath("preprocess", "images", "rgb.png");
const file = readFileSync(path);
const { data: pixels, width, height } = await decodeImage(path);

const folder = mkdtempSync(join(tmpdir(), "honeybee-image-"));
t.teardown(() => rmSync(folder, { recursive: true }));

t.test("every kind of input gives the same picture", async (t) => {
  const copy = Uint8Array.from(file);
  const inputs: Record<string, ImageInput> = {
    path,
    "URL object": pathToFileURL(path),
    "file: string": pathToFileURL(path).href,
    Buffer: file,
    "part of a larger buffer": Buffer.concat([Buffer.alloc(7), file]).subarray(7),
    Uint8Array: copy,
    ArrayBuffer: copy.buffer,
    Blob: new Blob([copy]),
    "data: base64": `data:image/png;base64,${file.toString("base64")}`,
    "data: base64url": `data:;base64,${file.toString("base64url")}`,
    "data: percent-encoded": `data:image/png,${[...file].map((b) => `%${b.toString(16).padStart(2, "0")}`).join("")}`,
    "data: URL object": new URL(`data:image/png;base64,${file.toString("base64")}`),
    raw: { data: pixels, width, height, channels: 3 },
  };
  for (const [name, input] of Object.entries(inputs)) {
    t.equal(Buffer.compare((await decodeImage(input)).data, pixels), 0, name);
  }
  const shared = new Uint8Array(new SharedArrayBuffer(file.length));
  shared.set(file);
  t.same((await decodeImage(shared)).data, pixels, "shared memory");
});

t.test("raw pixels of 1 and 4 channels", async (t) => {
  const gray = await decodeImage({ data: Uint8Array.of(7, 250), width: 2, height: 1, channels: 1 });
  t.same(gray.data, Uint8Array.of(7, 7, 7, 250, 250, 250));
  const rgba = await decodeImage({
    data: Uint8ClampedArray.of(1, 2, 3, 0, 4, 5, 6, 99),
    width: 1,
    height: 2,
    channels: 4,
  });
  t.same(rgba.data, Uint8Array.of(1, 2, 3, 4, 5, 6), "alpha is dropped, not blended");
});

t.test("the caller may change its bytes at once", async (t) => {
  const mine = Uint8Array.from(file);
  const decoding = decodeImage(mine);
  structuredClone(mine, { transfer: [mine.buffer] });
  t.same((await decoding).data, pixels);
});

t.test("preprocess", async (t) => {
  const { rgb, pixelValues } = await preprocess(image(path), { size: 8, mean: [0, 0, 0], std: [1, 1, 1] });
  t.equal(rgb.length, 8 * 8 * 3);
  t.same(
    pixelValues,
    Float32Array.from({ length: 192 }, (_, i) => rgb[(i % 64) * 3 + Math.floor(i / 64)]! / 255),
    "planes of values between 0 and 1",
  );
  const crop = await preprocess(path, { size: 8, mode: "shortest-edge-crop" });
  t.notSame(crop.rgb, rgb, "the other mode");
  const refusals: [object | undefined, RegExp][] = [
    [undefined, /size: 224/],
    [{}, /size must be an integer/],
    [{ size: 0 }, /size must be/],
    [{ size: 1e9 }, /size must be/],
    [{ size: 8, mode: "fit" }, /mode/],
    [{ size: 8, maen: [0, 0, 0] }, /did you mean "mean"/],
    [{ size: 8, std: [1, 1, 0] }, /std must be an array of 3 numbers above 0/],
    [{ size: 8, mean: [0, Number.NaN, 0] }, /mean/],
    [{ size: 8, maxImagePixels: -1 }, /maxImagePixels/],
  ];
  for (const [options, message] of refusals) {
    await t.rejects(preprocess(path, options as never), {
      name: "HoneybeeError",
      code: "ERR_OPTION",
      message,
    });
  }
});

t.test("many at once", async (t) => {
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      preprocess(i % 5 === 0 ? Buffer.from("no") : path, { size: 8 }).catch(() => undefined),
    ),
  );
  t.equal(all.filter((result) => result === undefined).length, 8, "failures free their place");
});

/** A file whose header claims a size, in each format. */
function claiming(width: number, height: number): Record<string, Buffer> {
  const jpeg = Buffer.from(readFileSync(goldenPath("preprocess", "images", "baseline.jpg")));
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(height, frame + 5);
  jpeg.writeUInt16BE(width, frame + 7);
  return {
    PNG: pngFile({ width, height, depth: 8, colourType: 2, rows: new Uint8Array(10) }),
    JPEG: jpeg,
    BMP: bmpFile({ width, height, bits: 24, data: new Uint8Array(10) }),
    GIF: gifFile({
      width,
      height,
      frame: [0, 0, 1, 1],
      indices: Uint8Array.of(0),
      palette: Array(256).fill([0, 0, 0]),
    }),
  };
}

t.test("too many pixels are refused from the header, at once", async (t) => {
  for (const [format, bomb] of Object.entries(claiming(60000, 60000))) {
    const before = process.memoryUsage().rss;
    await t.rejects(
      decodeImage(bomb),
      { code: "ERR_IMAGE", message: /60000×60000 pixels, more than the 268435456/ },
      format,
    );
    t.ok(process.memoryUsage().rss - before < 32 * 2 ** 20, "without room for them");
  }
  await t.rejects(decodeImage(path, { maxPixels: width * height - 1 }), {
    code: "ERR_IMAGE",
    message: /maxImagePixels/,
  });
  t.ok(await decodeImage(path, { maxPixels: width * height }));
  const raw = { data: pixels, width, height, channels: 3 };
  await t.rejects(decodeImage(raw, { maxPixels: 100 }), { code: "ERR_IMAGE", message: /more than the 100/ });
});

t.test("no pixels", async (t) => {
  for (const [format, empty] of Object.entries(claiming(0, 0))) {
    if (format === "GIF") continue; // its frame makes the canvas larger
    await t.rejects(decodeImage(empty), { code: "ERR_IMAGE" }, format);
  }
});

t.test("refused files say what they are", async (t) => {
  const cases: [string, Uint8Array | string, RegExp][] = [
    ["empty", "", /is empty; supported are JPEG, PNG/],
    ["text", Buffer.from("Just some words, überall."), /is text/],
    ["HTML", "<!DOCTYPE html><p>404", /an HTML page/],
    ["SVG", '<svg xmlns="http://www.w3.org/2000/svg"/>', /an SVG drawing/],
    ["SVG after a prologue", '<?xml version="1.0"?>\n<!-- drawn -->\n<svg/>', /an SVG drawing/],
    ["PDF", "%PDF-1.7", /a PDF document/],
    ["HEIF", "\0\0\0\x18ftypheic", /a HEIF image/],
    ["AVIF", "\0\0\0\x18ftypavif", /an AVIF image/],
    ["video", "\0\0\0\x18ftypisom", /a video/],
    ["ZIP", "PK\x03\x04abcd", /a ZIP archive/],
    ["noise", Uint8Array.of(1, 2, 3, 254, 253), /unknown data/],
    ["PNG of 20 bytes", file.subarray(0, 20), /this PNG file cannot be decoded/],
    [
      "JPEG of 30 bytes",
      readFileSync(goldenPath("preprocess", "images", "gray.jpg")).subarray(0, 30),
      /this JPEG file cannot be decoded/,
    ],
    [
      "BMP of 20 bytes",
      bmpFile({ width: 2, height: 2, bits: 24, data: new Uint8Array(16) }).subarray(0, 20),
      /BMP header is cut off/,
    ],
    ["GIF of 9 bytes", "GIF89a\x01\0\x01", /GIF header is cut off/],
    ["GIF without a frame", "GIF89a\x01\0\x01\0\0\0\0;", /ends without a frame/],
    [
      "BMP of a wrong depth",
      bmpFile({ width: 2, height: 2, bits: 7, data: new Uint8Array(16) }),
      /7 bits per pixel/,
    ],
    [
      "BMP with wild masks",
      bmpFile({ width: 1, height: 1, bits: 32, data: new Uint8Array(4), compression: 3, masks: [5, 2, 1] }),
      /colour mask is 5/,
    ],
    [
      "PNG without a header",
      Buffer.concat([file.subarray(0, 8), pngChunk("IEND", Buffer.alloc(0))]),
      /this PNG file cannot be decoded/,
    ],
  ];
  for (const [name, content, message] of cases) {
    const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    await t.rejects(
      decodeImage(Uint8Array.from(bytes), { name: "image 2" }),
      { code: "ERR_IMAGE", message },
      name,
    );
    const named = join(folder, "picture.jpg");
    writeFileSync(named, bytes);
    await t.rejects(decodeImage(named), { code: "ERR_IMAGE", message }, `${name}, as a file`);
    await t.rejects(decodeImage(named), { message: /picture\.jpg/ }, "the path is named");
  }
  await t.rejects(decodeImage(Buffer.from("words"), { name: "image 2" }), {
    message: /^image 2 \(Buffer, 5 bytes\): /,
  });
});

t.test("refused inputs say what is wrong", async (t) => {
  const raw = (changed: object) => ({
    data: new Uint8Array(12),
    width: 2,
    height: 2,
    channels: 3,
    ...changed,
  });
  const cases: [unknown, RegExp][] = [
    [join(folder, "missing.png"), /missing\.png: there is no such file/],
    ["", /the path ""/],
    ["a\0b", /cannot be read/],
    [folder, /is a folder/],
    ["/dev/zero", /neither a file nor a pipe/],
    ["https://example.org/cat.png", /is not fetched here; fetch it and pass the bytes/],
    [new URL("https://example.org/cat.png"), /is not fetched here/],
    ["data:image/png;base64", /no comma/],
    ["data:image/png;base64,!!!", /not valid base64/],
    ["data:,", /is empty/],
    ["data:,hello%zz", /is text/],
    [42, /is number; an image is a path/],
    [null, /is null/],
    [undefined, /is undefined/],
    [new Float32Array(4), /is Float32Array/],
    [[1, 2], /is Array/],
    [new ArrayBuffer(0), /is empty/],
    [new Blob([]), /is empty/],
    [raw({ data: new Uint8Array(11) }), /needs 12 bytes.*not 11/],
    [raw({ data: new Float32Array(12) }), /Float32Array/],
    [raw({ data: "abc" }), /not string/],
    [raw({ channels: 2 }), /has 2 channels/],
    [raw({ channels: undefined }), /has undefined channels/],
    [raw({ width: 0 }), /no pixels/],
    [raw({ width: -2 }), /no pixels/],
    [raw({ width: 1.5 }), /integers/],
    [raw({ height: Number.NaN }), /integers/],
    [raw({ width: 2 ** 31, height: 2 ** 31 }), /more than/],
  ];
  for (const [input, message] of cases) {
    await t.rejects(decodeImage(input as ImageInput), { name: "HoneybeeError", code: "ERR_IMAGE", message });
  }
});
