// golden/preprocess: decoded RGB, resized RGB and normalised bf16 of every file, by hash, as Pillow 10.2 gives them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import t from "tap";
import { decodeImage, preprocess } from "../lib/image/index.js";
import { goldenPath } from "./support/paths.js";
import { loadTensors } from "./support/safetensors.js";

interface Golden {
  width: number;
  height: number;
  sha256_rgb: string;
  [hash: string]: string | number;
}

const { images } = JSON.parse(readFileSync(goldenPath("preprocess", "images.json"), "utf8")) as {
  images: Record<string, Golden>;
};
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Round to nearest even, little-endian. */
function bf16Bytes(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return new Uint8Array(Uint16Array.from(bits, (b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16).buffer);
}

for (const [file, golden] of Object.entries(images)) {
  t.test(file, async (t) => {
    const path = goldenPath("preprocess", "images", file);
    const decoded = await decodeImage(path);
    t.same([decoded.width, decoded.height], [golden.width, golden.height], "size");
    t.equal(sha256(decoded.data), golden.sha256_rgb, "decoded pixels");
    for (const size of [56, 224]) {
      const { rgb, pixelValues } = await preprocess(readFileSync(path), { size });
      t.equal(sha256(rgb), golden[`sha256_${size}`], `resized to ${size}`);
      t.equal(
        sha256(bf16Bytes(pixelValues)),
        golden[`sha256_bf16_${size}`],
        `pixel values at ${size}, in bf16`,
      );
    }
  });
}

t.test("pixel values", async (t) => {
  for (const [file, { data }] of loadTensors(goldenPath("preprocess", "pixel-values-56.safetensors"))) {
    const { pixelValues } = await preprocess(goldenPath("preprocess", "images", file), { size: 56 });
    t.same(pixelValues, data, file);
  }
});
