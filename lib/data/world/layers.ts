import type { Atlas } from "./atlas.js";
import type { Point } from "./geometry.js";
import type { Box, Rgb, Scene, SceneObject } from "./scene.js";

/** One cell drawn on the picture; see scene.ts. */
export interface Layer {
  cell: number;
  tint: Rgb | null;
  x: number;
  y: number;
  side: number;
  /** Degrees, clockwise. */
  angle: number;
}

/** What the layers of an object depend on. */
export type LayerSource = SceneObject extends infer O
  ? O extends SceneObject
    ? Omit<O, "box">
    : never
  : never;

/** The layers of a scene, the hindmost first. */
export function layersOf(scene: Scene, atlas: Atlas): Layer[] {
  return scene.objects.flatMap((object) => objectLayers(object, atlas));
}

export function objectLayers(object: LayerSource, atlas: Atlas): Layer[] {
  const { index } = atlas;
  const { x, y, side, angle } = object;
  if (object.kind === "word") return wordLayers(object, atlas);
  if (object.kind === "shape") {
    return [{ cell: atlas.shape(index.shapes.indexOf(object.name)), tint: object.rgb, x, y, side, angle }];
  }
  const name = atlas.nameIndex(object.name);
  const cell = atlas.drawing(name, index.styles.indexOf(object.style));
  return [{ cell, tint: null, x, y, side, angle }];
}

function wordLayers(object: LayerSource & { kind: "word" }, atlas: Atlas): Layer[] {
  const { index } = atlas;
  const font = index.fonts.findIndex(({ name }) => name === object.font);
  const letters = [...object.word].map((letter) => index.letters.indexOf(letter));
  const widths = letters.map((letter) => index.fonts[font]!.advances[letter]!);
  const total = widths.reduce((sum, width) => sum + width, 0);
  const side = object.side / total;
  const turn = (object.angle * Math.PI) / 180;
  let before = 0;
  return letters.map((letter, k) => {
    const along = (before + widths[k]! / 2 - total / 2) * side;
    before += widths[k]!;
    return {
      cell: atlas.letter(letter, font),
      tint: object.rgb,
      x: object.x + Math.cos(turn) * along,
      y: object.y + Math.sin(turn) * along,
      side,
      angle: object.angle,
    };
  });
}

/** What the visible part of layers takes. */
export function layersBox(layers: readonly Layer[], atlas: Atlas): Box {
  const box: Box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { cell, x, y, side, angle } of layers) {
    const turn = (angle * Math.PI) / 180;
    const cos = Math.cos(turn) * side;
    const sin = Math.sin(turn) * side;
    for (const [u, v] of atlas.cells[cell]!.hull as readonly Point[]) {
      const px = x + cos * u - sin * v;
      const py = y + sin * u + cos * v;
      if (px < box[0]) box[0] = px;
      if (py < box[1]) box[1] = py;
      if (px > box[2]) box[2] = px;
      if (py > box[3]) box[3] = py;
    }
  }
  return box;
}
