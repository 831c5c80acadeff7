import type { RgbImage } from "../../image/index.js";

/** Levels of each of red, green and blue: 0, 20, … 100 %, which is how sixel counts, so colours are exact. */
const LEVELS = 6;
/** Bayer's matrix, for dithering. */
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
const BAND = 6;

/**
 * A picture as DEC's sixel graphics: bands of six rows; of each colour in a band a character a column, whose bits are
 * the rows that have it.
 */
export function encodeSixel(picture: RgbImage): string {
  const { width, height } = picture;
  const colors = quantize(picture);
  const used = [...new Set(colors)].sort((a, b) => a - b);
  const percent = (color: number) =>
    [color / LEVELS ** 2, (color / LEVELS) % LEVELS, color % LEVELS].map((level) => 20 * Math.floor(level));
  const palette = used.map((color, n) => `#${n};2;${percent(color).join(";")}`).join("");
  const numbers = new Map(used.map((color, n) => [color, n]));
  const bands: string[] = [];
  for (let top = 0; top < height; top += BAND) bands.push(encodeBand(colors, width, height, top, numbers));
  // Raster attributes: pixels are square, and how many there are.
  return `\x1bPq"1;1;${width};${height}${palette}${bands.join("-")}\x1b\\`;
}

function encodeBand(
  colors: Uint8Array,
  width: number,
  height: number,
  top: number,
  numbers: ReadonlyMap<number, number>,
): string {
  const rows = new Map<number, Uint8Array>();
  for (let y = top; y < Math.min(height, top + BAND); y++) {
    for (let x = 0; x < width; x++) {
      const color = colors[y * width + x]!;
      let bits = rows.get(color);
      if (!bits) {
        bits = new Uint8Array(width);
        rows.set(color, bits);
      }
      bits[x]! |= 1 << (y - top);
    }
  }
  return [...rows].map(([color, bits]) => `#${numbers.get(color)}${runs(bits)}`).join("$");
}

/** Characters from "?" on, long runs as their number. */
function runs(bits: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bits.length; ) {
    let to = from + 1;
    while (to < bits.length && bits[to] === bits[from]) to++;
    const sixel = String.fromCharCode(63 + bits[from]!);
    text += to - from > 3 ? `!${to - from}${sixel}` : sixel.repeat(to - from);
    from = to;
  }
  return text;
}

/** Each pixel's place in the cube of colours, dithered. */
function quantize({ data, width, height }: RgbImage): Uint8Array {
  const colors = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const threshold = (BAYER[(y % 4) * 4 + (x % 4)]! + 0.5) / 16;
      const at = y * width + x;
      let color = 0;
      for (let c = 0; c < 3; c++) {
        const level = (data[at * 3 + c]! / 255) * (LEVELS - 1);
        color = color * LEVELS + Math.floor(level + threshold);
      }
      colors[at] = color;
    }
  }
  return colors;
}
