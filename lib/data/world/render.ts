import type { Atlas } from "./atlas.js";
import { backgroundField } from "./background.js";
import { type Layer, layersOf } from "./layers.js";
import { MIP_LEVELS, type Scene } from "./scene.js";

/**
 * Draws a scene as scene.ts says.
 *
 * @returns [size, size, 3] bytes
 */
export function renderScene(scene: Scene, atlas: Atlas): Uint8Array {
  const { size, background } = scene;
  const canvas = new Float32Array(size * size * 3);
  const field = backgroundField(background, size);
  const [first, second] = background.colors;
  for (let i = 0; i < field.length; i++) {
    for (let c = 0; c < 3; c++) canvas[i * 3 + c] = first[c]! + (second[c]! - first[c]!) * field[i]!;
  }
  for (const layer of layersOf(scene, atlas)) drawLayer(canvas, size, layer, atlas);
  // A clamped array rounds ties to even, but no tie is to be expected.
  return Uint8Array.from(new Uint8ClampedArray(canvas));
}

function drawLayer(canvas: Float32Array, size: number, layer: Layer, atlas: Atlas): void {
  const { x, y, side, angle, tint } = layer;
  const { levels } = atlas.cells[layer.cell]!;
  const level = mipLevel(atlas.index.cell, side);
  const pixels = levels[level]!;
  const n = atlas.index.cell >> level;
  const turn = (angle * Math.PI) / 180;
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  // Half a sample of the cell may still shine beyond its edge.
  const reach = (side / 2 + side / n) * (Math.abs(cos) + Math.abs(sin));
  const left = Math.max(0, Math.floor(x - reach));
  const right = Math.min(size, Math.ceil(x + reach));
  const bottom = Math.min(size, Math.ceil(y + reach));
  const sample = new Float64Array(4);
  for (let i = Math.max(0, Math.floor(y - reach)); i < bottom; i++) {
    for (let j = left; j < right; j++) {
      const dx = j + 0.5 - x;
      const dy = i + 0.5 - y;
      const u = ((cos * dx + sin * dy) / side + 0.5) * n - 0.5;
      const v = ((cos * dy - sin * dx) / side + 0.5) * n - 0.5;
      if (u <= -1 || v <= -1 || u >= n || v >= n) continue;
      bilinear(pixels, n, u, v, sample);
      const alpha = sample[3]!;
      const at = (i * size + j) * 3;
      for (let c = 0; c < 3; c++) {
        const color = tint === null ? sample[c]! : tint[c]! * alpha;
        canvas[at + c] = color + canvas[at + c]! * (1 - alpha);
      }
    }
  }
}

function mipLevel(cell: number, side: number): number {
  let level = 0;
  while (level < MIP_LEVELS - 1 && cell / 2 ** (level + 1) >= side) level++;
  return level;
}

function bilinear(pixels: Float32Array, n: number, u: number, v: number, out: Float64Array): void {
  const column = Math.floor(u);
  const row = Math.floor(v);
  const fu = u - column;
  const fv = v - row;
  out.fill(0);
  for (let dv = 0; dv < 2; dv++) {
    const r = row + dv;
    if (r < 0 || r >= n) continue;
    for (let du = 0; du < 2; du++) {
      const k = column + du;
      if (k < 0 || k >= n) continue;
      const weight = (du === 0 ? 1 - fu : fu) * (dv === 0 ? 1 - fv : fv);
      const at = (r * n + k) * 4;
      for (let c = 0; c < 4; c++) out[c]! += weight * pixels[at + c]!;
    }
  }
}
