import type { Metadata, Sharp } from "sharp";
import { asImageError, imageError } from "./errors.js";
import { completeJpeg, plainJpegSize } from "./jpeg.js";
import { imageNative, type PixelFormat } from "./native.js";
import { completePng } from "./png.js";
import { loadSharp } from "./sharp.js";
import { type FileFormat, sniff } from "./sniff.js";
import { type ImageInput, isRawImage, type RawImage, readSource } from "./source.js";

/** Images with more pixels are refused before they are decoded, unless an option says otherwise. */
export const MAX_IMAGE_PIXELS = 2 ** 28;

/** Rows, columns and RGB of a byte each: [height, width, 3]. */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * Decodes an image as Pillow 10.2 does where the Honeybee reference code uses it: alpha dropped without blending, no
 * rotation by EXIF, no colour profile, the first frame of an animation, a cut file as far as it goes.
 *
 * @param options.maxPixels more are refused, as soon as the header is read; default 2^28
 * @param options.name what messages call an image without a path, such as "image 2"
 * @throws HoneybeeError ERR_IMAGE naming the image, what it is, and what is supported; ERR_OUT_OF_MEMORY
 */
export async function decodeImage(
  input: ImageInput,
  { maxPixels = MAX_IMAGE_PIXELS, name = "the image" }: { maxPixels?: number; name?: string } = {},
): Promise<RgbImage> {
  if (isRawImage(input)) return decodeRaw(input, maxPixels, name);
  const file = await readSource(input, name);
  const format = sniff(file.bytes, file.name);
  try {
    return format === "bmp" || format === "gif"
      ? await decodeOwn(file.bytes, format, maxPixels, file.name)
      : await decodeWithSharp(file.bytes, format, maxPixels, file.name);
  } catch (error) {
    throw asImageError(error, file.name, `this ${format.toUpperCase()} file cannot be decoded`);
  }
}

function checkSize(width: number, height: number, maxPixels: number, name: string): void {
  if (!(width > 0 && height > 0)) throw imageError(name, `has no pixels (${width}×${height})`);
  if (width * height <= maxPixels) return;
  const limit = `more than the ${maxPixels} that maxImagePixels allows; shrink it, or raise the option`;
  throw imageError(name, `has ${width}×${height} pixels, ${limit}`);
}

const RAW_FORMATS: Record<number, PixelFormat> = { 1: "gray8", 3: "rgb8", 4: "rgba8" };

async function decodeRaw(raw: RawImage, maxPixels: number, name: string): Promise<RgbImage> {
  const { data, width, height, channels } = raw;
  const format = RAW_FORMATS[channels];
  if (!format)
    throw imageError(name, `has ${String(channels)} channels; raw pixels have 1 (gray), 3 (RGB) or 4 (RGBA)`);
  if (!Number.isInteger(width) || !Number.isInteger(height)) {
    throw imageError(name, `is ${String(width)}×${String(height)} raw pixels; both sides must be integers`);
  }
  checkSize(width, height, maxPixels, name);
  const needed = width * height * channels;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray) || data.length !== needed) {
    const held = ArrayBuffer.isView(data) ? `${data.byteLength} in a ${data.constructor.name}` : typeof data;
    throw imageError(
      name,
      `needs ${needed} bytes in a Uint8Array for ${width}×${height}×${channels}, not ${held}`,
    );
  }
  try {
    // Copied, so that changing or transferring it afterwards cannot reach the resize at work.
    const pixels = new Uint8Array(data);
    return { data: await convert(pixels, width, height, format), width, height };
  } catch (error) {
    throw asImageError(error, name, "its raw pixels cannot be converted");
  }
}

async function convert(
  data: Uint8Array,
  width: number,
  height: number,
  format: PixelFormat,
): Promise<Uint8Array> {
  return format === "rgb8" ? data : imageNative.convertPixels(data, width, height, format);
}

/** BMP, which sharp cannot read, and GIF, whose transparent and missing pixels sharp makes black. */
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
  const sharp = await loadSharp();
  const open = (file: Uint8Array, failOn: "none" | "truncated") =>
    sharp(file, { failOn, limitInputPixels: false, ignoreIcc: true });
  const header = plainHeader(bytes, format) ?? (await open(bytes, "none").metadata());
  checkSize(header.width, header.height, maxPixels, name);
  try {
    // libpng drops whole rows around a damage where Pillow keeps them, so a damaged PNG must be noticed first.
    return await decodePixels(open(bytes, format === "png" ? "truncated" : "none"), header);
  } catch (error) {
    const repaired =
      format === "png" ? await completePng(bytes) : format === "jpeg" ? completeJpeg(bytes) : undefined;
    if (!repaired) throw error;
    return await decodePixels(open(repaired, "none"), header);
  }
}

/** What must be known of a file before it is decoded. */
type Header = Pick<Metadata, "format" | "width" | "height" | "space" | "depth" | "channels">;

/** The header of a JPEG as most are, without the two changes of thread that asking sharp for it costs. */
function plainHeader(bytes: Uint8Array, format: FileFormat): Header | undefined {
  const size = format === "jpeg" ? plainJpegSize(bytes) : undefined;
  return size && { ...size, format: "jpeg", space: "srgb", depth: "uchar", channels: 3 };
}

async function decodePixels(image: Sharp, header: Header): Promise<RgbImage> {
  const { pipeline, pixels } = storedSamples(image, header);
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const samples = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { data: await convert(samples, width, height, pixels), width, height };
}

/** How to get the samples out of sharp unscaled, and what they then are. */
function storedSamples(
  image: Sharp,
  { format, space, depth, channels }: Header,
): { pipeline: Sharp; pixels: PixelFormat } {
  // Pillow ignores the orientation of every format but TIFF.
  const upright = format === "tiff" ? image.autoOrient() : image;
  if (space === "cmyk") {
    return { pipeline: upright.pipelineColourspace("cmyk").toColourspace("cmyk").raw(), pixels: "cmyk8" };
  }
  if (depth === "ushort" && channels === 1) {
    return { pipeline: upright.toColourspace("grey16").raw({ depth: "ushort" }), pixels: "gray16" };
  }
  return { pipeline: upright.removeAlpha().toColourspace("srgb").raw(), pixels: "rgb8" };
}
