import { HoneybeeError } from "../errors.js";
import { type ImageInput, ImagePart, type PrepareOptions, prepareImage, preprocess } from "../image/index.js";
import type { NativeImage, TraceTensor } from "../native.js";
import { tokensPerImage } from "./prompt.js";
import type { ResolvedModel } from "./resolve.js";
import { VisualTokens } from "./visual-tokens.js";

/** An image that was prepared ahead of the request it belongs to, for the model that it was prepared for. */
export class PreparedImage {
  constructor(readonly native: NativeImage) {}
}

/** An image wherever one is taken. */
export type AnyImage = ImageInput | ImagePart | VisualTokens;

/**
 * Decodes an image to what the engine takes; visual tokens go through as they are.
 *
 * @param image what the caller gave as an {@link AnyImage}
 * @throws HoneybeeError ERR_IMAGE naming the image
 */
export async function nativeImage(
  image: unknown,
  resolved: ResolvedModel,
  options: PrepareOptions,
): Promise<NativeImage> {
  const { config } = resolved;
  const source = image instanceof ImagePart ? image.source : image;
  if (source instanceof PreparedImage) return source.native;
  if (source instanceof VisualTokens) {
    const { data, shape } = source;
    const expected = [tokensPerImage(resolved), config.text.hiddenSize];
    if (shape[0] === expected[0] && shape[1] === expected[1]) return { tokens: data };
    throw new HoneybeeError(
      "ERR_IMAGE",
      `${options.name} is visual tokens of shape [${shape}]; this model's are [${expected}], so another model encoded it`,
    );
  }
  return prepareImage(source as ImageInput, config, options);
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
