import type { ModelConfig } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import { checkNames, checkNumber } from "../model/options.js";
import { callNative } from "../native.js";
import { decodeImage } from "./decode.js";
import { imageNative, type ResizeMode } from "./native.js";
import type { ImageInput } from "./source.js";

export { decodeImage, MAX_IMAGE_PIXELS, type RgbImage } from "./decode.js";
export type { ResizeMode } from "./native.js";
export type { ImageInput, RawImage } from "./source.js";

/** Means and standard deviations of OpenAI's CLIP, per channel of RGB in 0 to 1. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];

/** An image as part of a message. */
export class ImagePart {
  constructor(readonly source: ImageInput) {}
}

/** Marks an image in the content of a message: `[image("fridge.jpg"), "What can I cook?"]`. */
export function image(source: ImageInput): ImagePart {
  return new ImagePart(source);
}

export interface PreprocessOptions {
  /** S: pixels a side of the result, such as 224 or 336. */
  size: number;
  mode?: ResizeMode | undefined;
  /** Per channel of RGB; default: CLIP's. */
  mean?: readonly number[] | undefined;
  std?: readonly number[] | undefined;
  /** Default 2^28. */
  maxImagePixels?: number | undefined;
}

/**
 * The picture a model sees (Honeybee reference code: squash to S×S by Pillow's bicubic, then normalise).
 *
 * @returns rgb [S, S, 3] bytes; pixelValues float32 [3, S, S]
 * @throws HoneybeeError ERR_IMAGE, ERR_OPTION
 */
export async function preprocess(
  input: ImageInput | ImagePart,
  options: PreprocessOptions,
): Promise<{ rgb: Uint8Array; pixelValues: Float32Array }> {
  checkNames(options, ["size", "mode", "mean", "std", "maxImagePixels"], "option");
  const { size, mode = "squash", mean = CLIP_MEAN, std = CLIP_STD } = options;
  if (!Number.isInteger(size) || size < 1 || size > 16384) {
    throw new HoneybeeError("ERR_OPTION", `size must be an integer from 1 to 16384, not ${String(size)}`);
  }
  checkNumber("maxImagePixels", options.maxImagePixels);
  const source = input instanceof ImagePart ? input.source : input;
  const { rgb, pixelValues } = await resize(source, "the image", options.maxImagePixels, {
    size,
    mode,
    mean,
    std,
    pixelValues: true,
  });
  return { rgb, pixelValues: pixelValues! };
}

type ResizeOptions = Parameters<typeof imageNative.preprocessImage>[3];

async function resize(
  source: ImageInput,
  name: string,
  maxPixels: number | undefined,
  options: ResizeOptions,
) {
  const { data, width, height } = await decodeImage(source, { name, ...(maxPixels ? { maxPixels } : {}) });
  return callNative(() => imageNative.preprocessImage(data, width, height, options));
}

/** How many images are decoded at once: enough to keep the next one ready, few enough to leave memory alone. */
const MAX_DECODING = 2;
let decoding = 0;
const queue: (() => void)[] = [];

/** What the engine takes of an image: [S, S, 3] bytes for the vision tower of `config`. */
export async function prepareImage(
  source: ImageInput,
  config: ModelConfig,
  maxPixels: number | undefined,
  name: string,
): Promise<Uint8Array> {
  const { imageSize, imageMean, imageStd } = config.vision!;
  if (decoding >= MAX_DECODING) await new Promise<void>((resolve) => queue.push(resolve));
  decoding++;
  try {
    const options = {
      size: imageSize,
      mode: config.preprocessing,
      mean: imageMean,
      std: imageStd,
      pixelValues: false,
    };
    return (await resize(source, name, maxPixels, options)).rgb;
  } finally {
    decoding--;
    queue.shift()?.();
  }
}
