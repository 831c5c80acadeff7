import { mix32 } from "../random.js";
import { BACKGROUND_KINDS, type BackgroundKind, UNSEEN_BACKGROUNDS } from "./background.js";
import { COLOR_NAMES } from "./colors.js";
import type { SceneObject, Split } from "./scene.js";

/** One pair in so many is kept from training. */
const HELD_OUT = 8;
/** One scene in so many is new. */
const NEW_SCENES = 16;

/** Whether training never shows the drawing (by its place in the index) on this kind of background. */
export function isHeldOutDrawing(name: number, kind: string): boolean {
  if (UNSEEN_BACKGROUNDS.includes(kind as BackgroundKind)) return false;
  const pair = name * 64 + BACKGROUND_KINDS.indexOf(kind as BackgroundKind);
  return mix32(pair + 0x51ed270b) % HELD_OUT === 0;
}

/** Whether training never shows the shape (by its place in the index) in this colour. */
export function isHeldOutShape(shape: number, color: string): boolean {
  const pair = shape * 64 + COLOR_NAMES.indexOf(color);
  return mix32(pair + 0x2545f491) % HELD_OUT === 0;
}

/** Whether what stands in a scene, and where, belongs to the split: training and new scenes share none. */
export function belongsTo(split: Split, objects: readonly SceneObject[]): boolean {
  if (split !== "train" && split !== "new") return true;
  let hash = 0;
  for (const object of objects) {
    const text = object.kind === "word" ? object.word : object.name;
    for (let i = 0; i < text.length; i++) hash = mix32(hash ^ text.charCodeAt(i));
    for (const value of [object.x, object.y, object.side, object.angle + 180]) hash = mix32(hash ^ value);
  }
  return (hash % NEW_SCENES === 0) === (split === "new");
}
