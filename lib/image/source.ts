import { readFile, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { types } from "node:util";
import { imageError } from "./errors.js";

/** Decoded pixels, rows packed without gaps. */
export interface RawImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  /** 1: gray, 3: RGB, 4: RGBA, whose alpha is dropped. */
  channels: number;
}

/** An image as callers have it: a path, a file: URL, an encoded file in memory, a `data:` string, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | RawImage;

/** An encoded file in memory that nobody else can change, and the name that messages give it. */
export interface EncodedFile {
  bytes: Uint8Array;
  name: string;
}

const KINDS =
  "a path, URL object, Buffer, Uint8Array, ArrayBuffer, Blob, data: string or {data, width, height, channels}";

export function isRawImage(input: unknown): input is RawImage {
  return (
    typeof input === "object" && input !== null && "data" in input && "width" in input && "height" in input
  );
}

/**
 * The bytes of an encoded image. Bytes the caller holds are copied, so that changing or transferring them afterwards
 * cannot reach a decoder at work.
 *
 * @param name what messages call an image without a path, such as "image 2"
 * @throws HoneybeeError ERR_IMAGE if there is nothing to read or it is no image at all
 */
export async function readSource(input: Exclude<ImageInput, RawImage>, name: string): Promise<EncodedFile> {
  if (typeof input === "string") return readString(input, name);
  if (input instanceof URL) return readString(input.href, name);
  if (types.isUint8Array(input) || types.isAnyArrayBuffer(input)) {
    const kind = Buffer.isBuffer(input) ? "Buffer" : types.isUint8Array(input) ? "Uint8Array" : "ArrayBuffer";
    const bytes = types.isUint8Array(input) ? new Uint8Array(input) : new Uint8Array(new Uint8Array(input));
    return { bytes, name: `${name} (${kind}, ${bytes.length} bytes)` };
  }
  if (input instanceof Blob) return readBlob(input, `${name} (Blob, ${input.size} bytes)`);
  const kind = input === null ? "null" : typeof input === "object" ? className(input) : typeof input;
  throw imageError(name, `is ${kind}; an image is ${KINDS}`);
}

function className(value: object): string {
  return (value as { constructor?: { name?: string } }).constructor?.name || "an object";
}

function readString(text: string, name: string): EncodedFile | Promise<EncodedFile> {
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "data") return { bytes: dataBytes(text, name), name: `${name} (data: URL)` };
  if (scheme === "file" && /^file:\//i.test(text)) return readPath(filePath(text, name));
  if (scheme && /^[a-z0-9+.-]+:\/\//i.test(text)) {
    throw imageError(name, `${text.slice(0, 100)} is not fetched here; fetch it and pass the bytes`);
  }
  return readPath(text);
}

function filePath(url: string, name: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw imageError(
      name,
      `${url.slice(0, 100)} names no file of this machine: ${(error as Error).message}`,
      error,
    );
  }
}

async function readPath(path: string): Promise<EncodedFile> {
  const name = path === "" ? 'the path ""' : path;
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw imageError(name, "is a folder; name an image in it");
    if (!status.isFile() && !status.isFIFO())
      throw imageError(name, "is neither a file nor a pipe; pass its bytes");
    return { bytes: await readFile(path), name };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_IMAGE") throw error;
    const missing = code === "ENOENT" || code === "ENOTDIR";
    throw imageError(name, missing ? "there is no such file" : `cannot be read: ${message}`, error);
  }
}

async function readBlob(blob: Blob, name: string): Promise<EncodedFile> {
  try {
    return { bytes: new Uint8Array(await blob.arrayBuffer()), name };
  } catch (error) {
    throw imageError(name, `cannot be read: ${(error as Error).message}`, error);
  }
}

/** The bytes of a `data:` URL (RFC 2397), percent-encoded or base64. */
function dataBytes(url: string, name: string): Uint8Array {
  const comma = url.indexOf(",");
  if (comma < 0) throw imageError(name, "the data: URL has no comma before its data");
  const body = url
    .slice(comma + 1)
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return Buffer.from(body, "latin1");
  if (!/^[\w+/=\s-]*$/.test(body)) throw imageError(name, "the data: URL is not valid base64");
  return Buffer.from(body, "base64");
}
