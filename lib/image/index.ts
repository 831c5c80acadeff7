import { checkChoice, checkNames, checkNumber } from "../check.js";
import type { ModelConfig } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import { decodeImage, type RgbImage } from "./decode.js";
import { asImageError } from "./errors.js";
import { imageNative, type ResizeMode, type ResizeOptions } from "./native.js";
import { oneOfFew } from "./parallel.js";
import type { ImageInput } from "./source.js";

export { decodeImage, MAX_IMAGE_PIXELS, type RgbImage } from "./decode.js";
export type { ResizeMode } from "./native.js";
export { countGenerating } from "./parallel.js";
export type { ImageInput, RawImage } from "./source.js";

/** Means and standard deviations of OpenAI's CLIP, per channel of RGB in 0 to 1. */
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD = [0.26862954, 0.26130258, 0.27577711];

/** Most pixels a side of the result. */
const MAX_SIZE = 16384;

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
  const { size, maxImagePixels, mode, mean, std } = checkOptions(options);
  const source = input instanceof ImagePart ? input.source : input;
  const resizing = { size, mode, mean, std, pixelValues: true };
  const { rgb, pixelValues } = await oneOfFew(async () =>
    resize(await decode(source, "the image", maxImagePixels), "the image", resizing),
  );
  return { rgb, pixelValues: pixelValues! };
}

function checkOptions(options: PreprocessOptions) {
  if (typeof options !== "object" || options === null) {
    throw new HoneybeeError(
      "ERR_OPTION",
      "preprocess needs options with at least a size, such as { size: 224 }",
    );
  }
  checkNames(options, ["size", "mode", "mean", "std", "maxImagePixels"], "option");
  const { size, mean = CLIP_MEAN, std = CLIP_STD } = options;
  if (!Number.isInteger(size) || size < 1 || size > MAX_SIZE) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `size must be an integer from 1 to ${MAX_SIZE}, not ${String(size)}`,
    );
  }
  checkChannels("mean", mean, Number.NEGATIVE_INFINITY);
  checkChannels("std", std, 0);
  const mode = checkChoice("mode", options.mode, ["squash", "shortest-edge-crop"]) ?? "squash";
  return { size, mode, mean, std, maxImagePixels: checkNumber("maxImagePixels", options.maxImagePixels) };
}

function checkChannels(name: string, values: readonly number[], above: number): void {
  const isChannel = (value: unknown) => Number.isFinite(value) && (value as number) > above;
  if (Array.isArray(values) && values.length === 3 && values.every(isChannel)) return;
  const kind = above === 0 ? "numbers above 0" : "finite numbers";
  throw new HoneybeeError("ERR_OPTION", `${name} must be an array of 3 ${kind}, one for each of R, G and B`);
}

function decode(source: ImageInput, name: string, maxPixels: number | undefined): Promise<RgbImage> {
  return decodeImage(source, { name, ...(maxPixels !== undefined && { maxPixels }) });
}

async function resize({ data, width, height }: RgbImage, name: string, options: ResizeOptions) {
  try {
    return await imageNative.preprocessImage(data, width, height, options);
  } catch (error) {
    throw asImageError(error, name, `its ${width}×${height} pixels cannot be resized to ${options.size}`);
  }
}

/**
 * Decoded pictures up to this many bytes (1182×1182) are left for the device to resize. Copying a larger one to the
 * engine would hold up the event loop.
 */
export const MAX_DEVICE_PICTURE_BYTES = 2 ** 22;

export interface PrepareOptions {
  /** What messages call an image without a path, such as "image 2". */
  name: string;
  maxPixels?: number | undefined;
  /** Drops an image whose turn has not come. */
  signal?: AbortSignal | undefined;
  /** Whether the device may do the resize; it gives the same bytes. */
  deviceResizes: boolean;
}

/**
 * What the engine takes of an image for the vision tower of `config`: rgb [S, S, 3], or with `resize` rgb [height, width, 3]
 * that the device makes that of.
 *
 * @throws HoneybeeError ERR_IMAGE, ERR_OUT_OF_MEMORY; the signal's reason
 */
export async function prepareImage(
  source: ImageInput,
  { preprocessing: mode, vision }: ModelConfig,
  { name, maxPixels, signal, deviceResizes }: PrepareOptions,
): Promise<{ rgb: Uint8Array; resize?: { width: number; height: number; size: number; mode: ResizeMode } }> {
  const { imageSize: size, imageMean: mean, imageStd: std } = vision!;
  return oneOfFew(async () => {
    signal?.throwIfAborted();
    const picture = await decode(source, name, maxPixels);
    const { data, width, height } = picture;
    if (deviceResizes && data.length <= MAX_DEVICE_PICTURE_BYTES)
      return { rgb: data, resize: { width, height, size, mode } };
    return { rgb: (await resize(picture, name, { size, mode, mean, std, pixelValues: false })).rgb };
  });
}
