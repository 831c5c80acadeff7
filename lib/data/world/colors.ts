import type { Rgb } from "./scene.js";

/** The colours that shapes and words have; each stands well apart from the others. */
export const COLORS: Readonly<Record<string, Rgb>> = {
  red: [222, 36, 36],
  orange: [250, 140, 20],
  yellow: [250, 218, 30],
  green: [34, 158, 62],
  blue: [36, 92, 222],
  purple: [134, 52, 176],
  pink: [246, 138, 190],
  brown: [128, 74, 38],
  black: [24, 24, 26],
  white: [248, 248, 246],
  gray: [140, 142, 146],
};

export const COLOR_NAMES: readonly string[] = Object.keys(COLORS);

export function distance(a: Rgb, b: Rgb): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}
