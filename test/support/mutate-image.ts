import { readdirSync, readFileSync } from "node:fs";
import { HoneybeeError } from "../../lib/errors.js";
import { decodeImage } from "../../lib/image/index.js";
import { mutateBytes, Random } from "./mutate.js";
import { goldenPath } from "./paths.js";

/** What a fuzz run came to. */
export interface ImageFuzzResult {
  count: number;
  decoded: number;
  refused: number;
  /** Anything but a picture of the right size or an ERR_IMAGE. */
  failures: string[];
}

/** Decodes `count` seeded mutations of the golden pictures. */
export async function fuzzImages(seed: number, count: number): Promise<ImageFuzzResult> {
  const folder = goldenPath("preprocess", "images");
  const files = readdirSync(folder).sort();
  const result: ImageFuzzResult = { count, decoded: 0, refused: 0, failures: [] };
  const random = new Random(seed);
  for (let i = 0; i < count; i++) {
    const file = random.pick(files);
    const mutated = mutateBytes(readFileSync(`${folder}/${file}`), random);
    try {
      const { data, width, height } = await decodeImage(mutated, { maxPixels: 2 ** 24, name: file });
      if (data.length === width * height * 3 && data.length > 0) result.decoded++;
      else result.failures.push(`${file}, mutation ${i}: ${data.length} bytes for ${width} x ${height}`);
    } catch (error) {
      if (error instanceof HoneybeeError && error.code === "ERR_IMAGE") result.refused++;
      else result.failures.push(`${file}, mutation ${i}: ${String(error)}`);
    }
  }
  return result;
}
