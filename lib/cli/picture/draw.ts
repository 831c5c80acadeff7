import type { RgbImage } from "../../image/index.js";
import { loadSharp } from "../../image/sharp.js";
import type { Protocol } from "./protocol.js";
import { encodeSixel } from "./sixel.js";

/** Most pixels a side where pixels are drawn. */
const SIDE = 448;
/** Most characters a row, and pixels a column, in half blocks. */
const BLOCKS = 64;
/** What kitty takes of an image in one sequence (its documentation of the graphics protocol). */
const KITTY_CHUNK = 4096;
const TRUE_COLOR_DEPTH = 24;

/** What is known of the terminal. */
export interface Canvas {
  columns: number;
  rows: number;
  /** Bits of a colour, as Node's `getColorDepth` says it. */
  depth: number;
}

/** A terminal's size and colours; usual ones for what is no terminal. */
export function canvasOf(stream: NodeJS.WriteStream): Canvas {
  // A terminal may not know its size, which is 0 then.
  const columns = stream.columns || 80;
  const rows = stream.rows || 24;
  return { columns, rows, depth: stream.isTTY ? stream.getColorDepth() : TRUE_COLOR_DEPTH };
}

/** The text that makes a terminal draw a picture, ended by a line break; empty for "none". */
export async function drawPicture(picture: RgbImage, protocol: Protocol, canvas: Canvas): Promise<string> {
  switch (protocol) {
    case "kitty":
      return `${encodeKitty(await png(picture))}\n`;
    case "iterm":
      return `${encodeIterm(await png(picture))}\n`;
    case "sixel":
      return `${encodeSixel(await fit(picture, SIDE, SIDE))}\n`;
    case "blocks": {
      // Half blocks are as high as wide, two to a row; a few rows are left for what is said about the picture.
      const rows = 2 * Math.max(8, canvas.rows - 4);
      return encodeBlocks(
        await fit(picture, Math.min(BLOCKS, canvas.columns), Math.min(BLOCKS, rows)),
        canvas.depth,
      );
    }
    default:
      return "";
  }
}

/** A PNG file in kitty's graphics protocol: base64 in pieces, without answers from the terminal. */
export function encodeKitty(file: Buffer): string {
  const text = file.toString("base64");
  const pieces: string[] = [];
  for (let from = 0; from < text.length; from += KITTY_CHUNK) {
    const more = from + KITTY_CHUNK < text.length ? 1 : 0;
    // Transmit and show (a=T) a PNG (f=100), quietly (q=2); m=1 if there is more to come.
    const keys = from === 0 ? `a=T,f=100,q=2,m=${more}` : `m=${more}`;
    pieces.push(`\x1b_G${keys};${text.slice(from, from + KITTY_CHUNK)}\x1b\\`);
  }
  return pieces.join("");
}

/** A file as one of iTerm2's inline images. */
export function encodeIterm(file: Buffer): string {
  return `\x1b]1337;File=inline=1;size=${file.length};preserveAspectRatio=1:${file.toString("base64")}\x07`;
}

/** Two pixels a character: the upper one is a half block's colour, the lower one its background. */
export function encodeBlocks({ data, width, height }: RgbImage, depth: number): string {
  const colorAt = (x: number, y: number) => {
    const at = (y * width + x) * 3;
    const rgb = data.subarray(at, at + 3);
    return depth >= TRUE_COLOR_DEPTH ? `2;${rgb.join(";")}` : `5;${cube(rgb)}`;
  };
  const lines: string[] = [];
  for (let y = 0; y < height; y += 2) {
    let line = "";
    for (let x = 0; x < width; x++) {
      const below = y + 1 < height ? `\x1b[48;${colorAt(x, y + 1)}m` : "\x1b[49m";
      line += `\x1b[38;${colorAt(x, y)}m${below}▀`;
    }
    lines.push(`${line}\x1b[0m\n`);
  }
  return lines.join("");
}

/** The nearest of the 216 colours that xterm has in a cube, from 16 on, at levels of 0, 95, 135, … 255. */
function cube(rgb: Uint8Array): number {
  const [r, g, b] = [...rgb].map((value) =>
    value < 48 ? 0 : value < 115 ? 1 : Math.floor((value - 35) / 40),
  );
  return 16 + 36 * r! + 6 * g! + b!;
}

async function resized({ data, width, height }: RgbImage, mostWidth: number, mostHeight: number) {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } }).resize(mostWidth, mostHeight, {
    fit: "inside",
  });
}

async function png(picture: RgbImage): Promise<Buffer> {
  return (await resized(picture, SIDE, SIDE)).png().toBuffer();
}

async function fit(picture: RgbImage, width: number, height: number): Promise<RgbImage> {
  const pipeline = await resized(picture, width, height);
  const { data, info } = await pipeline.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}
