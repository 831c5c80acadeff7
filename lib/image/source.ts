import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { HoneybeeError } from "../errors.js";

/** Decoded pixels, rows packed without gaps. */
export interface RawImage {
  data: Uint8Array;
  width: number;
  height: number;
  /** 1: gray, 3: RGB, 4: RGBA, whose alpha is dropped. */
  channels: number;
}

/** An image as callers have it: a path, a file: URL, an encoded file in memory, a `data:` string, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

const SUPPORTED = "supported are JPEG, PNG, WebP, GIF, BMP and TIFF files";

export function imageError(name: string, what: string, cause?: unknown): HoneybeeError {
  return new HoneybeeError("ERR_IMAGE", `${name}: ${what}`, cause === undefined ? undefined : { cause });
}

export function isRawImage(input: unknown): input is RawImage {
  return typeof input === "object" && input !== null && "data" in input && "width" in input;
}

/** The bytes of an encoded file, and the name that messages give it. */
export async function readSource(
  input: Exclude<ImageInput, RawImage>,
  fallback: string,
): Promise<{ bytes: Uint8Array; name: string }> {
  if (typeof input === "string" && input.startsWith("data:"))
    return { bytes: dataBytes(input, fallback), name: `${fallback} (data: URL)` };
  if (typeof input === "string" && /^https?:/i.test(input)) throw remote(input, fallback);
  if (typeof input === "string") return { bytes: await fileBytes(input), name: input };
  if (input instanceof URL) {
    if (input.protocol === "data:")
      return { bytes: dataBytes(input.href, fallback), name: `${fallback} (data: URL)` };
    if (input.protocol !== "file:") throw remote(input.href, fallback);
    const path = fileURLToPath(input);
    return { bytes: await fileBytes(path), name: path };
  }
  if (input instanceof Uint8Array)
    return { bytes: input, name: `${fallback} (Buffer, ${input.length} bytes)` };
  if (input instanceof ArrayBuffer)
    return { bytes: new Uint8Array(input), name: `${fallback} (ArrayBuffer, ${input.byteLength} bytes)` };
  if (input instanceof Blob)
    return {
      bytes: new Uint8Array(await input.arrayBuffer()),
      name: `${fallback} (Blob, ${input.size} bytes)`,
    };
  const kind = input === null ? "null" : typeof input;
  throw imageError(
    fallback,
    `is ${kind}; an image is a path, URL object, Buffer, Blob, data: string or {data, width, height, channels}`,
  );
}

function remote(href: string, name: string): HoneybeeError {
  return imageError(name, `${href.slice(0, 100)} is not fetched here; fetch it and pass the bytes`);
}

async function fileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT"
        ? "there is no such file"
        : code === "EISDIR"
          ? "is a folder, not an image"
          : `cannot be read: ${message}`;
    throw imageError(path, why, error);
  }
}

function dataBytes(url: string, name: string): Uint8Array {
  const comma = url.indexOf(",");
  if (comma < 0) throw imageError(name, "a data: URL needs a comma before its data");
  const body = url.slice(comma + 1);
  if (!/;base64$/i.test(url.slice(0, comma))) return Buffer.from(decodeURIComponent(body), "latin1");
  if (!/^[\w+/=%\s-]*$/.test(body)) throw imageError(name, "the data: URL is not valid base64");
  return Buffer.from(body.includes("%") ? decodeURIComponent(body) : body, "base64");
}

export type FileFormat = "jpeg" | "png" | "webp" | "gif" | "bmp" | "tiff";

/** The format of a file from its first bytes; its name says nothing. @throws HoneybeeError ERR_IMAGE saying what it is */
export function sniff(bytes: Uint8Array, name: string): FileFormat {
  if (bytes.length === 0) throw imageError(name, "is empty");
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 512));
  const starts = (hex: string) => head.toString("hex", 0, hex.length / 2) === hex;
  if (starts("ffd8ff")) return "jpeg";
  if (starts("89504e470d0a1a0a")) return "png";
  if (head.toString("latin1", 0, 4) === "RIFF" && head.toString("latin1", 8, 12) === "WEBP") return "webp";
  if (/^GIF8[79]a/.test(head.toString("latin1", 0, 6))) return "gif";
  if (starts("424d")) return "bmp";
  if (starts("49492a00") || starts("4d4d002a")) return "tiff";
  throw imageError(name, `is ${describe(head)}, not an image that can be decoded; ${SUPPORTED}`);
}

function describe(head: Buffer): string {
  const text = head.toString("utf8").trimStart();
  if (/^<(\?xml|svg)/i.test(text)) return "an XML or SVG file";
  if (/^<(!doctype|html)/i.test(text)) return "an HTML page";
  if (text.startsWith("%PDF")) return "a PDF document";
  if (/^ftyp(hei|mif|avif)/.test(head.toString("latin1", 4, 12))) return "a HEIF or AVIF file";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells text from data
  return /^[^\x00-\x08\x0e-\x1f\ufffd]*$/.test(text) ? "a text file" : "data of an unknown kind";
}
