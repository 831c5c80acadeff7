import { mix32 } from "../random.js";
import type { Background } from "./scene.js";

/** What a field is computed from, for one scene. */
interface Field {
  /** Side of the picture. */
  size: number;
  /** Period p in pixels. */
  scale: number;
  cos: number;
  sin: number;
  angle: number;
  seed: number;
}

type FieldAt = (x: number, y: number, field: Field) => number;

const clamp = (t: number) => Math.min(1, Math.max(0, t));

/** Distance of q from the middle of its period, 0 to p/2. */
const fold = (q: number, p: number) => Math.abs(q / p - Math.floor(q / p) - 0.5) * p;

/** 0 and 1 in turn, each for half a period, with an edge one pixel wide. */
const band = (q: number, p: number) => clamp(fold(q, p) - p / 4 + 0.5);

const along = (x: number, y: number, { cos, sin }: Field) => cos * x + sin * y;
const across = (x: number, y: number, { cos, sin }: Field) => cos * y - sin * x;

/** A fixed random number from 0 to 1 for each point of a grid. */
function lattice(column: number, row: number, seed: number): number {
  const h = seed ^ Math.imul(column, 0x9e3779b1) ^ Math.imul(row, 0x85ebca77);
  return (mix32(h) >>> 8) / 2 ** 24;
}

/** Value noise: a lattice of `period` pixels, interpolated by smoothstep. */
function noise(x: number, y: number, period: number, seed: number): number {
  const column = Math.floor(x / period);
  const row = Math.floor(y / period);
  const u = smooth(x / period - column);
  const v = smooth(y / period - row);
  const top = lattice(column, row, seed) * (1 - u) + lattice(column + 1, row, seed) * u;
  const bottom = lattice(column, row + 1, seed) * (1 - u) + lattice(column + 1, row + 1, seed) * u;
  return top * (1 - v) + bottom * v;
}

const smooth = (t: number) => t * t * (3 - 2 * t);

/** Three octaves of value noise. */
function clouds(x: number, y: number, { scale, seed }: Field): number {
  const octave = (k: number) => noise(x, y, scale >> k, seed + k);
  return (4 * octave(0) + 2 * octave(1) + octave(2)) / 7;
}

const FIELDS = {
  flat: () => 0,
  gradient: (x, y, field) => {
    const middle = field.size / 2;
    return clamp(along(x - middle, y - middle, field) / field.size + 0.5);
  },
  radial: (x, y, { size }) => Math.min(1, (Math.hypot(x - size / 2, y - size / 2) * Math.SQRT2) / size),
  stripes: (x, y, field) => band(along(x, y, field), field.scale),
  checks: (x, y, field) => {
    const a = band(along(x, y, field), field.scale);
    const b = band(across(x, y, field), field.scale);
    return a + b - 2 * a * b;
  },
  dots: (x, y, field) => {
    const p = field.scale;
    return clamp(0.3 * p - Math.hypot(fold(along(x, y, field), p), fold(across(x, y, field), p)) + 0.5);
  },
  grid: (x, y, field) => {
    const p = field.scale;
    return clamp(1.5 - Math.min(fold(along(x, y, field), p), fold(across(x, y, field), p)));
  },
  /** Squares of p pixels, each with a value of its own. */
  speckle: (x, y, { scale, seed }) => lattice(Math.floor(x / scale), Math.floor(y / scale), seed),
  clouds,
  /** Ground below a rolling horizon, both uneven. */
  hills: (x, y, field) => {
    const { size, scale, angle, seed } = field;
    const phase = (angle * Math.PI) / 180;
    const horizon = size / 2 + (scale / 3) * Math.sin((2 * Math.PI * x) / (3 * scale) + phase);
    return 0.7 * clamp((y - horizon) / 2 + 0.5) + 0.3 * noise(x, y, scale >> 1, seed);
  },
  waves: (x, y, field) => {
    const p = field.scale;
    const shift = (p / 3) * Math.sin((Math.PI * across(x, y, field)) / p);
    return band(along(x, y, field) + shift, p);
  },
  /** Rows of bricks p long and p/2 high, every other row moved by half a brick. */
  bricks: (x, y, { scale }) => {
    const half = scale / 2;
    const row = Math.floor(y / half);
    const level = half / 2 - fold(y, half);
    const upright = half - fold(x + (row - 2 * Math.floor(row / 2)) * half, scale);
    return clamp(1.5 - Math.min(level, upright));
  },
} satisfies Record<string, FieldAt>;

export type BackgroundKind = keyof typeof FIELDS;

export const BACKGROUND_KINDS = Object.keys(FIELDS) as readonly BackgroundKind[];

/** Kinds that training never shows. */
export const UNSEEN_BACKGROUNDS: readonly BackgroundKind[] = ["waves", "bricks"];

/** [size, size] mixing weights of a background's two colours, from 0 to 1. */
export function backgroundField(background: Background, size: number): Float32Array {
  const at: FieldAt = FIELDS[background.kind as BackgroundKind];
  const { scale, angle, seed } = background;
  const turn = (angle * Math.PI) / 180;
  const field = { size, scale, angle, seed, cos: Math.cos(turn), sin: Math.sin(turn) };
  const values = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) values[i * size + j] = at(j + 0.5, i + 0.5, field);
  }
  return values;
}
