import { readdirSync, readFileSync } from "node:fs";
import { HoneybeeError } from "../../lib/errors.js";
import { decodeImage, preprocess } from "../../lib/image/index.js";
import { mutateBytes, Random } from "./mutate.js";
import { goldenPath } from "./paths.js";

/** What became of the mutants. */
export interface ImageFuzzResult {
  decoded: number;
  refused: number;
  slowestMs: number;
  /** Growth of the resident set, bytes. */
  grownBytes: number;
}

/** Enough for every golden and little enough for hundreds of mutants whose headers ask for more. */
const MAX_PIXELS = 2 ** 20;

/**
 * Mutates the golden images and decodes them. Every mutant must give a picture of its size or be refused by an
 * ERR_IMAGE that says something; anything else is thrown with the mutant's number and file.
 */
export async function fuzzImages(seed: number, count: number): Promise<ImageFuzzResult> {
  const folder = goldenPath("preprocess", "images");
  const files = readdirSync(folder).sort();
  const result: ImageFuzzResult = { decoded: 0, refused: 0, slowestMs: 0, grownBytes: 0 };
  const before = process.memoryUsage().rss;
  for (let i = 0; i < count; i++) {
    const random = new Random(seed * 1_000_003 + i);
    const file = random.pick(files);
    const mutant = mutate(readFileSync(`${folder}/${file}`), random);
    const started = performance.now();
    try {
      await check(mutant);
      result.decoded++;
    } catch (error) {
      const isRefusal =
        error instanceof HoneybeeError && error.code === "ERR_IMAGE" && error.message.length > 20;
      if (!isRefusal) throw new Error(`mutant ${i} of seed ${seed}, of ${file}`, { cause: error });
      result.refused++;
    }
    result.slowestMs = Math.max(result.slowestMs, performance.now() - started);
  }
  result.grownBytes = process.memoryUsage().rss - before;
  return result;
}

/** One to three faults: changed bits, runs moved, extreme lengths, or the end cut off anywhere. */
function mutate(file: Buffer, random: Random): Buffer {
  let mutant = file;
  for (let faults = 1 + random.below(3); faults > 0; faults--) {
    const kind = random.pick(["flip", "splice", "length", "cut"] as const);
    mutant =
      kind === "cut"
        ? mutant.subarray(0, random.below(mutant.length + 1))
        : mutateBytes(mutant, random, kind);
  }
  return mutant;
}

/** A picture has as many bytes as its size says, and goes on to finite pixel values. */
async function check(file: Buffer): Promise<void> {
  const { data, width, height } = await decodeImage(file, { maxPixels: MAX_PIXELS });
  if (data.length !== width * height * 3) throw new Error(`${data.length} bytes for ${width}×${height}`);
  const { pixelValues } = await preprocess({ data, width, height, channels: 3 }, { size: 28 });
  if (!pixelValues.every(Number.isFinite)) throw new Error("pixel values that are not finite");
}
