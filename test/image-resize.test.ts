// The native resize against plain loops on sizes at and around every edge of its bands, blocks and SIMD lanes.
import { availableParallelism } from "node:os";
import t from "tap";
import { imageNative, type ResizeMode, type ResizeOptions } from "../lib/image/native.js";
import { Random } from "./support/mutate.js";
import { crop, type Picture, resizeInLoops } from "./support/pillow-resize.js";

const MEAN = [0.48145466, 0.4578275, 0.40821073];
const STD = [0.26862954, 0.26130258, 0.27577711];

type Simd = NonNullable<ResizeOptions["simd"]>;

async function resize(
  { data, width, height }: Picture,
  size: number,
  simd: Simd,
  mode: ResizeMode = "squash",
) {
  const options = { size, mode, mean: MEAN, std: STD, pixelValues: false, simd };
  return (await imageNative.preprocessImage(data, width, height, options)).rgb;
}

/** The kernels this processor has. */
const kernels: Simd[] = ["portable"];
for (const simd of ["avx2", "avx512"] as const) {
  const pixel = { data: new Uint8Array(3), width: 1, height: 1 };
  await resize(pixel, 1, simd).then(
    () => kernels.push(simd),
    () => {},
  );
}

function noise(width: number, height: number, random: Random): Picture {
  const extreme = random.below(2) === 0;
  const data = Uint8Array.from({ length: width * height * 3 }, () =>
    extreme ? random.below(2) * 255 : random.below(256),
  );
  return { data, width, height };
}

t.comment(`kernels: ${kernels.join(", ")}; ${availableParallelism()} cores`);

const EDGES = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 300];
const SIZES = [1, 2, 3, 5, 8, 16, 17, 32, 33, 56];

t.test("squash equals the plain loops", async (t) => {
  const random = new Random(7);
  const wrong: string[] = [];
  for (let i = 0; i < 150; i++) {
    const picture = noise(random.pick(EDGES), random.pick(EDGES), random);
    const size = random.pick(SIZES);
    const expected = resizeInLoops(picture, size, size);
    for (const simd of kernels) {
      const same = Buffer.compare(await resize(picture, size, simd), expected) === 0;
      if (!same) wrong.push(`${picture.width}×${picture.height} to ${size}, ${simd}`);
    }
  }
  t.same(wrong, [], "150 pictures");
});

t.test("the shortest edge, then the centre", async (t) => {
  const random = new Random(8);
  const wrong: string[] = [];
  for (let i = 0; i < 60; i++) {
    const picture = noise(random.pick(EDGES), random.pick(EDGES), random);
    const { width, height } = picture;
    const size = random.pick(SIZES);
    const long = Math.floor((size * Math.max(width, height)) / Math.min(width, height));
    const [w, h] = width <= height ? [size, long] : [long, size];
    const resized = { data: resizeInLoops(picture, w, h), width: w, height: h };
    const expected = crop(resized, Math.floor((w - size) / 2), Math.floor((h - size) / 2), size, size);
    for (const simd of kernels) {
      const same = Buffer.compare(await resize(picture, size, simd, "shortest-edge-crop"), expected) === 0;
      if (!same) wrong.push(`${width}×${height} to ${size}, ${simd}`);
    }
  }
  t.same(wrong, [], "60 pictures");
});

t.test("a side that has its size already is left alone", async (t) => {
  const picture = noise(56, 56, new Random(9));
  for (const simd of kernels) t.same(await resize(picture, 56, simd), picture.data, simd);
});

t.test("very long pictures", async (t) => {
  const random = new Random(10);
  for (const [width, height] of [
    [65535, 1],
    [1, 65535],
    [65535, 2],
    [3, 40000],
  ] as const) {
    const picture = noise(width, height, random);
    const expected = resizeInLoops(picture, 17, 17);
    for (const simd of kernels)
      t.equal(Buffer.compare(await resize(picture, 17, simd), expected), 0, `${width}×${height}, ${simd}`);
  }
});

t.test("millions of pixels in a row or column need no memory to speak of beside the picture", async (t) => {
  const long = 1_000_000;
  const data = new Uint8Array(3 * long).fill(200);
  const before = process.memoryUsage().rss;
  for (const [width, height] of [
    [long, 1],
    [1, long],
  ] as const) {
    const [portable, best] = [
      await resize({ data, width, height }, 56, "portable"),
      await resize({ data, width, height }, 56, "auto"),
    ];
    t.same(best, portable, `${width}×${height}`);
    t.ok(
      portable.every((value) => value > 190 && value < 210),
      "the colour stays",
    );
  }
  t.ok(process.memoryUsage().rss - before < 64 * 2 ** 20, "memory");
});

t.test("what the boundary refuses", async (t) => {
  const options = { size: 8, mode: "squash" as const, mean: MEAN, std: STD, pixelValues: false };
  const call = (data: unknown, width: unknown, height: unknown, changed: object = {}) =>
    (imageNative.preprocessImage as (...args: unknown[]) => Promise<unknown>)(data, width, height, {
      ...options,
      ...changed,
    });
  const pixels = new Uint8Array(12);
  t.throws(() => call(pixels, 3, 2), { code: "ERR_IMAGE", message: /18 bytes, but the buffer holds 12/ });
  t.throws(() => call(pixels, 2 ** 31, 2 ** 31), { code: "ERR_OPTION", message: /width/ });
  t.throws(() => call(pixels, 2.5, 2), { code: "ERR_OPTION", message: /width/ });
  t.throws(() => call("no", 2, 2), { code: "ERR_OPTION", message: /Uint8Array/ });
  t.throws(() => call(pixels, 2, 2, { size: 0 }), { code: "ERR_OPTION", message: /size/ });
  t.throws(() => call(pixels, 2, 2, { size: Number.NaN }), { code: "ERR_OPTION", message: /size/ });
  t.throws(() => call(pixels, 2, 2, { mode: "fit" }), { code: "ERR_OPTION", message: /mode/ });
  t.throws(() => call(pixels, 2, 2, { mean: [0, 0] }), { code: "ERR_OPTION", message: /mean/ });
  t.throws(() => call(pixels, 2, 2, { simd: "sse9" }), { code: "ERR_OPTION", message: /simd/ });
  const longest = { data: new Uint8Array(3 * 200_000), width: 200_000, height: 1 };
  await t.rejects(resize(longest, 16384, "auto", "shortest-edge-crop"), {
    code: "ERR_IMAGE",
    message: /pixels long/,
  });
});
