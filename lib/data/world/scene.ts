/**
 * The world of the demo model: pictures of drawings, plain shapes and words on simple backgrounds, all of whose
 * facts are known. This file is the format, which `train/world.py` reads as well; a change here is a change there.
 *
 * ## Scene
 * One line of JSON, see `Scene`. Lengths are pixels of the scene's own size. Coordinates are continuous: the pixel in
 * column j and row i has its centre at (j + 0.5, i + 0.5). The renderer needs nothing but the scene and the atlas.
 *
 * ## Atlas (assets/world)
 * `atlas.json` (see `AtlasIndex`) and its sheets, lossless WebP with straight alpha. A sheet is a grid of square cells
 * of `cell` pixels, `columns` to a row, filled row by row. The cells of all sheets in the order of `sheets` have one
 * numbering from 0:
 * - a sheet per style of drawing: cell n of the sheet draws `names[n]`;
 * - the sheet "shapes": cell n is the mask of `shapes[n]` (white; only alpha counts), to be tinted;
 * - a sheet per font: cell n is the mask of `letters[n]`, to be tinted, in the middle of its cell.
 * Every cell keeps a transparent margin, so it can be sampled on its own.
 *
 * ## Drawing, in this order; in floating point from 0 to 255 until the end, then round(clamp)
 * 1. The background's field t(x, y) from 0 to 1 (background.ts) mixes its two colours: c0 + (c1 - c0) · t.
 * 2. Each object in the order of the list; a word is one layer for each letter. A layer is (cell, tint, x, y, side,
 *    angle): the square cell drawn with its centre at (x, y), its side `side` pixels long, turned clockwise.
 *    For a pixel centre (px, py), with dx = px - x, dy = py - y, c = cos(angle), s = sin(angle):
 *        u = (c·dx + s·dy) / side + 1/2,   v = (c·dy - s·dx) / side + 1/2    (position in the cell, 0 to 1)
 *    Mip level l is the largest with cell / 2^l >= side, at most `MIP_LEVELS` - 1; its size n is cell / 2^l. The level
 *    is the mean of 2×2 pixels of the level above, colour multiplied by alpha before. It is sampled bilinearly at
 *    (u·n - 1/2, v·n - 1/2); samples outside the cell are transparent. With colour C (multiplied by alpha) and alpha A
 *    from 0 to 1: canvas = C + canvas · (1 - A). Where there is a tint, C = tint · A.
 * A word's letters stand side by side, centred on (x, y): letter k is as wide as `advances[letter]` (a fraction of its
 * cell's side); the cells' side is `side` / sum of the widths, so that `side` is the length of the word. The centre of
 * letter k is at o = (widths before it + half its own - half the sum) · (the cells' side) along the line:
 * (x + c·o, y + s·o).
 *
 * ## Sample (one line of JSON, see `Sample`): what a trainer reads
 * Shards of samples are `*.jsonl.gz`, at most 12 MB each.
 *
 * @module
 */

export type Rgb = [red: number, green: number, blue: number];

/** Left, top, right, bottom. */
export type Box = [x0: number, y0: number, x1: number, y1: number];

/**
 * Which part of the world a scene is from; they are disjoint.
 * - train: seen styles, combinations and backgrounds
 * - new: as train, but scenes that train never has
 * - style: drawings in the style that train never has
 * - combination: shapes in colours, and drawings on kinds of background, that train never has together
 * - background: on kinds of background that train never has
 */
export type Split = "train" | "new" | "style" | "combination" | "background";

export const SPLITS: readonly Split[] = ["train", "new", "style", "combination", "background"];

export interface Background {
  /** A key of background.ts's table: "flat", "stripes", "clouds", ... */
  kind: string;
  colors: [Rgb, Rgb];
  /** Period or grain in pixels, a whole number. */
  scale: number;
  /** Whole degrees. */
  angle: number;
  /** Of the noise; 32 bits, unsigned. */
  seed: number;
}

interface Placed {
  /** Centre of the drawn cell, or of the word; whole pixels. */
  x: number;
  y: number;
  /** Side of the drawn cell, or length of the word; whole pixels. */
  side: number;
  /** Clockwise; whole degrees from -30 to 30. */
  angle: number;
  /** What the visible part takes, in pixels with one decimal; within the picture. */
  box: Box;
}

/** A drawing of a thing that has a name. */
export interface DrawnObject extends Placed {
  kind: "drawing";
  /** One of the index's names: "dog". */
  name: string;
  style: string;
  /** The colour that most of it has; null where people would disagree. */
  color: string | null;
}

/** A plain shape in one colour. */
export interface ShapeObject extends Placed {
  kind: "shape";
  /** One of the index's shapes: "circle". */
  name: string;
  color: string;
  rgb: Rgb;
}

/** A short word in capitals. */
export interface WordObject extends Placed {
  kind: "word";
  /** "TREE" */
  word: string;
  font: string;
  color: string;
  rgb: Rgb;
}

export type SceneObject = DrawnObject | ShapeObject | WordObject;

export interface Scene {
  seed: number;
  split: Split;
  /** Side of the picture in pixels, 144 to 224. */
  size: number;
  background: Background;
  /** 1 to 6, the hindmost first. */
  objects: SceneObject[];
}

/** Levels of the pyramid that small drawings are sampled from. */
export const MIP_LEVELS = 4;

export interface AtlasName {
  /** "fire engine" */
  name: string;
  plural: string;
  /** "animal", "food", ... */
  category: string;
  /** By style, in the order of `styles`: the dominant colour, or null. */
  colors: (string | null)[];
}

/** `atlas.json` */
export interface AtlasIndex {
  /** Side of a cell in pixels, a multiple of 2^(MIP_LEVELS - 1). */
  cell: number;
  columns: number;
  /** Files in the order of the cells' numbering: styles, then shapes, then fonts. */
  sheets: string[];
  styles: string[];
  /** The one that training never shows. */
  unseenStyle: string;
  names: AtlasName[];
  shapes: string[];
  letters: string;
  fonts: { name: string /** Width of each letter as a fraction of the cell's side. */; advances: number[] }[];
}

/** The tasks of the world, each of which is scored by itself. */
export type Task =
  | "existence"
  | "naming"
  | "counting"
  | "colour"
  | "position"
  | "relation"
  | "grounding"
  | "reading";

export const TASKS: readonly Task[] = [
  "existence",
  "naming",
  "counting",
  "colour",
  "position",
  "relation",
  "grounding",
  "reading",
];

/** What training learns from: pictures and a text about them. */
export interface Sample {
  /** One for each `<image>` of the text, in order; none for text alone. */
  scenes: Scene[];
  /**
   * The whole prompt with its answers, as `encodePrompt(..., { inference: false })` takes it:
   * `[NO_PROMPT] <image> {caption}` in stage 1, else a system line and lines of Human and AI.
   */
  text: string;
  /** Which task each AI turn belongs to, or "caption", "description", "dialogue". */
  kinds: string[];
  /**
   * Only when a tokenizer was given: the encoded text, with each `<image>` as ONE id -1, for the trainer to widen to
   * its number of visual tokens.
   */
  ids?: number[];
  /** With `ids`: the positions [from, to) whose ids are labels; all other labels are -100. */
  answers?: [from: number, to: number][];
}

/** One question of an evaluation set. */
export interface Question {
  task: Task;
  scene: Scene;
  /** The prompt, open for the answer: ends with "\nAI: ". */
  text: string;
  /** What the model should say; for grounding the box text "[x0,y0,x1,y1]" in fractions of the picture. */
  answer: string;
}
