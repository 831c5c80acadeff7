import { imageError } from "./errors.js";

export type FileFormat = "jpeg" | "png" | "webp" | "gif" | "bmp" | "tiff";

const SUPPORTED = "supported are JPEG, PNG, WebP, GIF, BMP and TIFF files";

/** How many first bytes decide. */
const HEAD_BYTES = 512;

/** Bytes at an offset, as Latin-1. The last two of TIFF are BigTIFF's. */
const DECODED: readonly [FileFormat, number, string][] = [
  ["jpeg", 0, "\xff\xd8\xff"],
  ["png", 0, "\x89PNG\r\n\x1a\n"],
  ["webp", 8, "WEBP"],
  ["gif", 0, "GIF87a"],
  ["gif", 0, "GIF89a"],
  ["bmp", 0, "BM"],
  ["tiff", 0, "II*\0"],
  ["tiff", 0, "MM\0*"],
  ["tiff", 0, "II+\0"],
  ["tiff", 0, "MM\0+"],
];

/** Files people do have, refused by name. */
const REFUSED: readonly [string, number, string][] = [
  ["a PDF document", 0, "%PDF"],
  ["a HEIF image", 4, "ftyphe"],
  ["a HEIF image", 4, "ftypmif"],
  ["an AVIF image", 4, "ftypavi"],
  ["a video", 4, "ftyp"],
  ["a video", 0, "\x1aE\xdf\xa3"],
  ["a JPEG XL image", 0, "\xff\x0a"],
  ["a JPEG XL image", 4, "JXL "],
  ["a JPEG 2000 image", 4, "jP  "],
  ["a JPEG 2000 image", 0, "\xff\x4f\xff\x51"],
  ["a Photoshop document", 0, "8BPS"],
  ["a Windows icon", 0, "\0\0\x01\0"],
  ["a ZIP archive", 0, "PK\x03\x04"],
  ["a gzip archive", 0, "\x1f\x8b"],
];

/** Markup by its first tag. SVG is refused for good: a drawing can name other files and take for ever. */
const MARKUP: readonly [string, RegExp][] = [
  ["an HTML page", /^\s*<(!doctype html|html)/i],
  ["an SVG drawing", /^\s*<(svg|(\?xml|!--|!doctype svg)[\s\S]*<svg)/i],
  ["an XML file", /^\s*<\?xml/i],
];

/**
 * The format of a file, from its content; its name says nothing.
 *
 * @throws HoneybeeError ERR_IMAGE saying what the file is and what is supported
 */
export function sniff(bytes: Uint8Array, name: string): FileFormat {
  if (bytes.length === 0) throw imageError(name, `is empty; ${SUPPORTED}`);
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD_BYTES));
  const latin1 = head.toString("latin1");
  const byMagic = ([, at, magic]: readonly [string, number, string]) => latin1.startsWith(magic, at);
  const decoded = DECODED.find(byMagic);
  if (decoded) return decoded[0];
  const refused = REFUSED.find(byMagic) ?? MARKUP.find(([, pattern]) => pattern.test(latin1));
  const kind = refused?.[0] ?? (isText(head) ? "text" : "unknown data");
  throw imageError(name, `is ${kind}, which is not decoded here; ${SUPPORTED}, so convert it first`);
}

/** UTF-8 without control characters; a character cut at the end of the head does not count. */
function isText(head: Buffer): boolean {
  const text = new TextDecoder().decode(head, { stream: true });
  return (
    !text.includes("\ufffd") &&
    !head.some((byte) => byte < 32 && !"\t\n\v\f\r".includes(String.fromCharCode(byte)))
  );
}
