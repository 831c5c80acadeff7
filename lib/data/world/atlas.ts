import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HoneybeeError } from "../../errors.js";
import { loadSharp } from "../../image/sharp.js";
import { packageRoot } from "../../native.js";
import { convexHull, type Point } from "./geometry.js";
import { type AtlasIndex, MIP_LEVELS, type Rgb } from "./scene.js";

/** A square cell and its pyramid. */
export interface Cell {
  /** By level: [n, n, 4] with n = cell / 2^level; colour from 0 to 255 multiplied by alpha, alpha from 0 to 1. */
  levels: Float32Array[];
  /** Hull of the visible part, in cell units from -1/2 to 1/2 around the cell's centre. */
  hull: Point[];
  /** Mean colour of the visible part. */
  mean: Rgb;
}

/** The drawings, shapes and letters of the world; see scene.ts for the files. */
export class Atlas {
  readonly #names: ReadonlyMap<string, number>;

  constructor(
    readonly index: AtlasIndex,
    readonly cells: readonly Cell[],
  ) {
    this.#names = new Map(index.names.map(({ name }, n) => [name, n]));
  }

  /** @throws HoneybeeError ERR_OPTION for a name that is not drawn */
  nameIndex(name: string): number {
    const index = this.#names.get(name);
    if (index !== undefined) return index;
    throw new HoneybeeError("ERR_OPTION", `the world has no drawing of ${JSON.stringify(name)}`);
  }

  /** Cell of a name (by its place in the index) in a style. */
  drawing(name: number, style: number): number {
    return style * this.index.names.length + name;
  }

  shape(shape: number): number {
    return this.index.styles.length * this.index.names.length + shape;
  }

  letter(letter: number, font: number): number {
    return this.shape(this.index.shapes.length) + font * this.index.letters.length + letter;
  }
}

let loading: Promise<Atlas> | undefined;

/**
 * The atlas that comes with the package, decoded once.
 *
 * @throws HoneybeeError ERR_IMAGE if its files are missing or broken
 */
export function loadAtlas(): Promise<Atlas> {
  loading ??= readAtlas(join(packageRoot, "assets", "world"));
  return loading;
}

/** @throws HoneybeeError ERR_IMAGE */
export async function readAtlas(folder: string): Promise<Atlas> {
  try {
    const index = JSON.parse(readFileSync(join(folder, "atlas.json"), "utf8")) as AtlasIndex;
    const counts = cellCounts(index);
    const sheets = await Promise.all(
      index.sheets.map((file, n) => readSheet(join(folder, file), index, counts[n]!)),
    );
    return new Atlas(index, sheets.flat());
  } catch (error) {
    const message = `the drawings in ${folder} cannot be read: ${(error as Error).message}; install honeybee again`;
    throw new HoneybeeError("ERR_IMAGE", message, { cause: error });
  }
}

function cellCounts({ styles, names, shapes, fonts, letters }: AtlasIndex): number[] {
  return [...styles.map(() => names.length), shapes.length, ...fonts.map(() => letters.length)];
}

async function readSheet(path: string, { cell, columns }: AtlasIndex, count: number): Promise<Cell[]> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(path).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  if (info.width !== columns * cell || info.height < Math.ceil(count / columns) * cell) {
    throw new Error(`${path} has ${info.width}×${info.height} pixels, too few for ${count} cells of ${cell}`);
  }
  return Array.from({ length: count }, (_, n) => {
    const left = (n % columns) * cell;
    const top = Math.floor(n / columns) * cell;
    return makeCell(data, info.width, left, top, cell);
  });
}

function makeCell(sheet: Uint8Array, width: number, left: number, top: number, side: number): Cell {
  const pixels = new Float32Array(side * side * 4);
  const edge: Point[] = [];
  const sum = [0, 0, 0];
  let visible = 0;
  for (let y = 0; y < side; y++) {
    let first = -1;
    let last = -1;
    for (let x = 0; x < side; x++) {
      const from = ((top + y) * width + left + x) * 4;
      const to = (y * side + x) * 4;
      const alpha = sheet[from + 3]! / 255;
      for (let c = 0; c < 3; c++) pixels[to + c] = sheet[from + c]! * alpha;
      pixels[to + 3] = alpha;
      if (alpha < 0.5) continue;
      if (first < 0) first = x;
      last = x;
      visible++;
      for (let c = 0; c < 3; c++) sum[c]! += sheet[from + c]!;
    }
    if (first < 0) continue;
    for (const x of [first, last + 1]) for (const dy of [0, 1]) edge.push([x, y + dy]);
  }
  const hull = convexHull(edge).map(([x, y]): Point => [x / side - 0.5, y / side - 0.5]);
  const levels: Float32Array[] = [pixels];
  for (let l = 1; l < MIP_LEVELS; l++) levels.push(halve(levels[l - 1]!, side >> (l - 1)));
  return { levels, hull, mean: sum.map((value) => value / Math.max(1, visible)) as Rgb };
}

/** Means of 2×2 pixels. */
function halve(pixels: Float32Array, side: number): Float32Array {
  const half = side >> 1;
  const result = new Float32Array(half * half * 4);
  for (let y = 0; y < half; y++) {
    for (let x = 0; x < half; x++) {
      const from = (2 * y * side + 2 * x) * 4;
      const below = from + side * 4;
      for (let c = 0; c < 4; c++) {
        const sum = pixels[from + c]! + pixels[from + 4 + c]! + pixels[below + c]! + pixels[below + 4 + c]!;
        result[(y * half + x) * 4 + c] = sum / 4;
      }
    }
  }
  return result;
}
