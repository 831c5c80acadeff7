import sharp, { type Metadata, type Sharp } from "sharp";
import { HoneybeeError } from "../errors.js";
import { imageNative, type PixelFormat } from "./native.js";
import { completePng } from "./png.js";
import {
  type FileFormat,
  type ImageInput,
  imageError,
  isRawImage,
  type RawImage,
  readSource,
  sniff,
} from "./source.js";

// One picture at a time leaves the cores to the engine, and a cache of decoded pictures is of no use here.
sharp.concurrency(1);
sharp.cache(false);

/** Images with more pixels are refused before they are decoded, unless an option says otherwise. */
export const MAX_IMAGE_PIXELS = 2 ** 28;

/** [height, width, 3] bytes. */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * Decodes an image as Pillow does where the Honeybee reference uses it: alpha dropped without blending, no rotation by
 * EXIF, no colour profile, the first frame of an animation; a cut file as far as it goes.
 *
 * @param name what messages call an image without a path
 * @throws HoneybeeError ERR_IMAGE naming the image, what it is, and what is supported
 */
export async function decodeImage(
  input: ImageInput,
  { maxPixels = MAX_IMAGE_PIXELS, name = "the image" } = {},
): Promise<RgbImage> {
  if (isRawImage(input)) return decodeRaw(input, maxPixels, name);
  const source = await readSource(input, name);
  const format = sniff(source.bytes, source.name);
  try {
    return format === "bmp" || format === "gif"
      ? await decodeOwn(source.bytes, format, maxPixels, source.name)
      : await decodeWithSharp(source.bytes, format, maxPixels, source.name);
  } catch (error) {
    if (error instanceof HoneybeeError) throw error;
    const reason = (error as Error).message.split("\n")[0];
    throw imageError(source.name, `this ${format.toUpperCase()} file cannot be decoded: ${reason}`, error);
  }
}

function checkSize(width: number, height: number, maxPixels: number, name: string): void {
  if (!(width > 0 && height > 0)) throw imageError(name, `has no pixels (${width} x ${height})`);
  if (width * height <= maxPixels) return;
  throw imageError(
    name,
    `has ${width} x ${height} pixels, more than the ${maxPixels} that maxImagePixels allows`,
  );
}

async function decodeRaw(
  { data, width, height, channels }: RawImage,
  maxPixels: number,
  name: string,
): Promise<RgbImage> {
  const format = ({ 1: "gray8", 3: "rgb8", 4: "rgba8" } as Record<number, PixelFormat>)[channels];
  if (!format) throw imageError(name, `raw pixels have 1, 3 or 4 channels, not ${channels}`);
  if (!Number.isInteger(width) || !Number.isInteger(height))
    throw imageError(name, `raw pixels of ${width} x ${height}; the sides must be integers`);
  checkSize(width, height, maxPixels, name);
  if (!(data instanceof Uint8Array) || data.length !== width * height * channels) {
    throw imageError(
      name,
      `raw pixels of ${width} x ${height} x ${channels} need a Uint8Array of ${width * height * channels} bytes, not ${data?.length}`,
    );
  }
  return {
    data: channels === 3 ? data : await imageNative.convertPixels(data, width, height, format),
    width,
    height,
  };
}

async function decodeOwn(
  bytes: Uint8Array,
  format: "bmp" | "gif",
  maxPixels: number,
  name: string,
): Promise<RgbImage> {
  const { width, height } = imageNative.readImageHeader(bytes, format);
  checkSize(width, height, maxPixels, name);
  return { data: await imageNative.decodeImageFile(bytes, format), width, height };
}

async function decodeWithSharp(
  bytes: Uint8Array,
  format: FileFormat,
  maxPixels: number,
  name: string,
): Promise<RgbImage> {
  const open = (file: Uint8Array) =>
    sharp(file, { failOn: "none", limitInputPixels: false, ignoreIcc: true });
  const metadata = await open(bytes).metadata();
  checkSize(metadata.width, metadata.height, maxPixels, name);
  const { pipeline, as } = decoding(open(format === "png" ? completePng(bytes) : bytes), metadata);
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (as(channels) === "rgb8") return { data, width, height };
  return { data: await imageNative.convertPixels(data, width, height, as(channels)), width, height };
}

/** How to get the stored samples out of sharp, and what they then are. */
function decoding(
  image: Sharp,
  metadata: Metadata,
): { pipeline: Sharp; as: (channels: number) => PixelFormat } {
  if (metadata.space === "cmyk") {
    return { pipeline: image.pipelineColourspace("cmyk").toColourspace("cmyk").raw(), as: () => "cmyk8" };
  }
  const isGray = metadata.channels <= 2;
  if (isGray && metadata.depth === "ushort") {
    return {
      pipeline: image.removeAlpha().toColourspace("grey16").raw({ depth: "ushort" }),
      as: () => "gray16",
    };
  }
  return {
    pipeline: image.removeAlpha().raw(),
    as: (channels) => (channels === 1 ? "gray8" : channels === 4 ? "rgba8" : "rgb8"),
  };
}
