import { HoneybeeError } from "../errors.js";
import { type ImageInput, ImagePart, prepareImage, preprocess } from "../image/index.js";
import type { NativeImage, TraceTensor } from "../native.js";
import { tokensPerImage } from "./prompt.js";
import type { ResolvedModel } from "./resolve.js";
import { VisualTokens } from "./visual-tokens.js";

/** An image that was decoded and resized ahead of the request it belongs to. */
export class PreparedImage {
  /** @param rgb [S, S, 3] for the model that prepared it */
  constructor(readonly rgb: Uint8Array) {}
}

/** An image wherever one is taken. */
export type AnyImage = ImageInput | ImagePart | VisualTokens;

/**
 * Decodes and resizes an image to what the engine takes; visual tokens go through as they are.
 *
 * @param image what the caller gave as an {@link AnyImage}
 * @param name for messages: "image 1"
 * @param signal drops an image whose turn to be decoded has not come
 * @throws HoneybeeError ERR_IMAGE naming the image
 */
export async function nativeImage(
  image: unknown,
  name: string,
  resolved: ResolvedModel,
  maxImagePixels: number | undefined,
  signal?: AbortSignal,
): Promise<NativeImage> {
  const { config } = resolved;
  const source = image instanceof ImagePart ? image.source : image;
  if (source instanceof PreparedImage) return { rgb: source.rgb };
  if (source instanceof VisualTokens) {
    const { data, shape } = source;
    const expected = [tokensPerImage(resolved), config.text.hiddenSize];
    if (shape[0] === expected[0] && shape[1] === expected[1]) return { tokens: data };
    throw new HoneybeeError(
      "ERR_IMAGE",
      `${name} is visual tokens of shape [${shape}]; this model's are [${expected}], so another model encoded it`,
    );
  }
  return { rgb: await prepareImage(source as ImageInput, config, maxImagePixels, name, signal) };
}

/** The reference point image.pixels: [I, 3, S, S] of the images that come as pixels. */
export async function tracePixels(
  images: readonly NativeImage[],
  { config: { vision } }: ResolvedModel,
): Promise<TraceTensor[]> {
  const seen = images.flatMap(({ rgb }) => (rgb ? [rgb] : []));
  if (!vision || seen.length === 0) return [];
  const { imageSize: size, imageMean: mean, imageStd: std } = vision;
  const each = 3 * size * size;
  const values = new Float32Array(seen.length * each);
  for (const [i, data] of seen.entries()) {
    const { pixelValues } = await preprocess(
      { data, width: size, height: size, channels: 3 },
      { size, mean, std },
    );
    values.set(pixelValues, i * each);
  }
  return [{ name: "image.pixels", shape: [seen.length, 3, size, size], values }];
}
