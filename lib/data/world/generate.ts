import { HoneybeeError } from "../../errors.js";
import { Random } from "../random.js";
import type { Atlas } from "./atlas.js";
import { BACKGROUND_KINDS, type BackgroundKind, UNSEEN_BACKGROUNDS } from "./background.js";
import { COLOR_NAMES, COLORS, distance } from "./colors.js";
import { areaOf, intersectionOf } from "./geometry.js";
import { type LayerSource, layersBox, objectLayers } from "./layers.js";
import {
  type Background,
  type Box,
  type Rgb,
  type Scene,
  type SceneObject,
  SPLITS,
  type Split,
} from "./scene.js";
import { belongsTo, isHeldOutDrawing, isHeldOutShape } from "./splits.js";
import { WORDS } from "./words.js";

/** Sides in pixels that a scene has unless it is asked for one. */
export const SCENE_SIZES: readonly number[] = [144, 160, 176, 192, 208, 224];

export interface SceneOptions {
  /** Default "new": what the demo model has not been trained on. */
  split?: Split;
  /** Side in pixels, 144 to 224. Default: one of `SCENE_SIZES`, drawn with the rest. */
  size?: number;
  /** Copies of one thing in the scene, 1 to 5. Default: often one, else drawn. */
  copies?: number;
  /** What there must be at least one of. */
  need?: SceneObject["kind"];
  /** How many objects there must be at least, 1 to 6. Default 1. */
  leastObjects?: number;
}

const OBJECT_KINDS = ["drawing", "shape", "word"] as const;
const MOST_OBJECTS = 6;
/** Of the picture's side. */
const LEAST_SIDE = 0.12;
const MOST_SIDE = 0.45;
const MOST_OVERLAP = 0.3;
/** A word must stay legible. */
const MOST_WORD_OVERLAP = 0.05;
const MOST_TURN = 30;
/** Least distance in RGB of what is drawn from both colours of its background. */
const CONTRAST = 100;
const DRAWING_CONTRAST = 50;

/** Least and most period of a background, of the picture's side; other kinds have none. */
const PERIODS: Partial<Record<BackgroundKind, [number, number]>> = {
  speckle: [0.007, 0.03],
  clouds: [0.22, 0.5],
  hills: [0.2, 0.4],
  bricks: [0.12, 0.2],
};
const PERIOD: [number, number] = [0.06, 0.13];

/**
 * The scene of a seed: the same seed and options, the same scene.
 *
 * @throws HoneybeeError ERR_OPTION for options out of range
 */
export function sceneOf(seed: number, atlas: Atlas, options: SceneOptions = {}): Scene {
  const { split, copies, need, leastObjects } = checkSceneOptions(seed, options);
  const random = new Random(seed, 1 + SPLITS.indexOf(split));
  for (;;) {
    const size = options.size ?? random.pick(SCENE_SIZES);
    const background = drawBackground(random, split, size);
    const kinds = drawKinds(random, leastObjects, copies, need);
    const placer = new Placer(random, atlas, { split, size, background });
    const objects = placer.place(kinds);
    if (objects !== null && belongsTo(split, objects)) return { seed, split, size, background, objects };
  }
}

/** What `sceneOf` refuses. @throws HoneybeeError ERR_OPTION naming the option */
export function checkSceneOptions(seed: number, options: SceneOptions) {
  const { split = "new", size, copies, need, leastObjects = 1 } = options;
  const fail = (what: string): never => {
    throw new HoneybeeError("ERR_OPTION", what);
  };
  const isWithin = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if (!isWithin(seed, 0, Number.MAX_SAFE_INTEGER)) {
    fail(`seed must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, not ${String(seed)}`);
  }
  if (!SPLITS.includes(split))
    fail(`split must be one of ${SPLITS.join(", ")}, not ${JSON.stringify(split)}`);
  if (size !== undefined && !isWithin(size, 144, 224)) {
    fail(`size must be an integer from 144 to 224, not ${String(size)}`);
  }
  if (copies !== undefined && !isWithin(copies, 1, 5)) {
    fail(`copies must be an integer from 1 to 5, not ${String(copies)}`);
  }
  if (need !== undefined && !OBJECT_KINDS.includes(need)) {
    fail(`need must be one of ${OBJECT_KINDS.join(", ")}, not ${JSON.stringify(need)}`);
  }
  if (!isWithin(leastObjects, 1, MOST_OBJECTS)) {
    fail(`leastObjects must be an integer from 1 to ${MOST_OBJECTS}, not ${String(leastObjects)}`);
  }
  return { split, copies, need, leastObjects };
}

function drawBackground(random: Random, split: Split, size: number): Background {
  const seen = BACKGROUND_KINDS.filter((kind) => !UNSEEN_BACKGROUNDS.includes(kind));
  const kind = random.pick(split === "background" ? UNSEEN_BACKGROUNDS : seen);
  const first = [0, 0, 0].map(() => random.integer(20, 245)) as Rgb;
  // Half of all pictures are pale, as most drawings are made for; the others have any colour.
  if (random.chance(0.5)) for (let c = 0; c < 3; c++) first[c] = Math.round(185 + first[c]! * 0.27);
  const second = first.map((value) => {
    const step = random.integer(12, 55);
    return value + step > 250 || (value - step >= 5 && random.chance(0.5)) ? value - step : value + step;
  }) as Rgb;
  const [least, most] = PERIODS[kind] ?? PERIOD;
  const scale = Math.max(1, Math.round(size * (least + (most - least) * random.uniform())));
  return { kind, colors: [first, second], scale, angle: random.integer(0, 359), seed: random.bits() };
}

/** The kinds of a scene's objects; copies of one thing are one entry. */
interface Group {
  kind: SceneObject["kind"];
  count: number;
}

function drawKinds(
  random: Random,
  leastObjects: number,
  copies: number | undefined,
  need: Group["kind"] | undefined,
): Group[] {
  const count = copies ?? (random.chance(0.3) ? random.integer(2, 5) : 1);
  const first: Group["kind"] = need ?? (count > 1 && random.chance(0.25) ? "shape" : "drawing");
  const groups: Group[] = [{ kind: first === "word" ? "word" : first, count: first === "word" ? 1 : count }];
  if (first === "word" && count > 1) groups.push({ kind: "drawing", count });
  const placed = groups.reduce((sum, group) => sum + group.count, 0);
  const room = MOST_OBJECTS - placed;
  const fewest = Math.max(0, leastObjects - placed);
  const others = random.integer(fewest, Math.max(fewest, Math.min(room, count > 1 ? 2 : 5)));
  let words = first === "word" ? 1 : 0;
  for (let i = 0; i < others; i++) {
    const kind = OBJECT_KINDS[random.weighted([0.6, 0.28, words < 2 ? 0.12 : 0])]!;
    if (kind === "word") words++;
    groups.push({ kind, count: 1 });
  }
  if (need === undefined && count === 1 && random.chance(0.3))
    groups[0]!.kind = random.chance(0.75) ? "shape" : "word";
  return groups;
}

/** Puts objects on a picture one by one, where there is room. */
class Placer {
  readonly #objects: SceneObject[] = [];
  readonly #used = new Set<string>();

  constructor(
    private readonly random: Random,
    private readonly atlas: Atlas,
    private readonly scene: { split: Split; size: number; background: Background },
  ) {}

  /** The objects in random order of depth, or null if there is no room. */
  place(groups: readonly Group[]): SceneObject[] | null {
    const total = groups.reduce((sum, { count }) => sum + count, 0);
    for (const { kind, count } of groups) {
      const look = this.#look(kind);
      if (look === null) return null;
      for (let i = 0; i < count; i++) {
        const object = this.#find(look, total);
        if (object === null) return null;
        this.#objects.push(object);
      }
    }
    return this.random.shuffled(this.#objects);
  }

  /** What an object shows, not yet where. No two groups of a scene look alike. */
  #look(kind: Group["kind"]): Look | null {
    for (let attempt = 0; attempt < 200; attempt++) {
      const look = kind === "drawing" ? this.#drawing() : kind === "shape" ? this.#shape() : this.#word();
      if (look === null) continue;
      const key =
        look.kind === "drawing" ? look.name : look.kind === "shape" ? `${look.color} ${look.name}` : "";
      const named = look.kind === "word" ? look.word : key;
      if (this.#used.has(named)) continue;
      this.#used.add(named);
      return look;
    }
    return null;
  }

  #drawing(): Look | null {
    const { index } = this.atlas;
    const { split, background } = this.scene;
    const n = this.random.below(index.names.length);
    if (isHeldOutDrawing(n, background.kind) !== (split === "combination")) return null;
    const seen = index.styles.filter((style) => style !== index.unseenStyle);
    const style = split === "style" ? index.unseenStyle : this.random.pick(seen);
    const s = index.styles.indexOf(style);
    const { mean } = this.atlas.cells[this.atlas.drawing(n, s)]!;
    if (!this.#stands(mean, DRAWING_CONTRAST)) return null;
    const { name, colors } = index.names[n]!;
    return { kind: "drawing", name, style, color: colors[s]! };
  }

  #shape(): Look | null {
    const { shapes } = this.atlas.index;
    const n = this.random.below(shapes.length);
    const color = this.random.pick(COLOR_NAMES);
    if (isHeldOutShape(n, color) !== (this.scene.split === "combination")) return null;
    const rgb = this.#tint(color);
    return rgb && { kind: "shape", name: shapes[n]!, color, rgb };
  }

  #word(): Look | null {
    const color = this.random.pick(COLOR_NAMES);
    const rgb = this.#tint(color);
    const font = this.random.pick(this.atlas.index.fonts).name;
    return rgb && { kind: "word", word: this.random.pick(WORDS), font, color, rgb };
  }

  #tint(color: string): Rgb | null {
    const shade = COLORS[color]!.map((value) =>
      Math.min(255, Math.max(0, value + this.random.integer(-7, 7))),
    ) as Rgb;
    return this.#stands(shade, CONTRAST) ? shade : null;
  }

  #stands(color: Rgb, contrast: number): boolean {
    return this.scene.background.colors.every((other) => distance(color, other) >= contrast);
  }

  #find(look: Look, total: number): SceneObject | null {
    const { random, scene } = this;
    const [least, most] = sideRange(look, total);
    for (let attempt = 0; attempt < 40; attempt++) {
      // Later attempts are smaller, for there is less room.
      const share = least + (most - least) * random.uniform() * (1 - attempt / 60);
      const side = Math.round(scene.size * share);
      const source = {
        ...look,
        x: random.integer(Math.ceil(side / 3), scene.size - Math.ceil(side / 3)),
        y: random.integer(Math.ceil(side / 5), scene.size - Math.ceil(side / 5)),
        side,
        angle: random.integer(-MOST_TURN, MOST_TURN),
      } as LayerSource;
      const box = layersBox(objectLayers(source, this.atlas), this.atlas).map(
        (value) => Math.round(value * 10) / 10,
      ) as Box;
      if (this.#fits(box, look.kind)) return { ...source, box } as SceneObject;
    }
    return null;
  }

  #fits(box: Box, kind: SceneObject["kind"]): boolean {
    const { size } = this.scene;
    if (box[0] < 0 || box[1] < 0 || box[2] > size || box[3] > size) return false;
    return this.#objects.every((other) => {
      const smaller = Math.min(areaOf(box), areaOf(other.box));
      const hasWord = kind === "word" || other.kind === "word";
      return intersectionOf(box, other.box) <= (hasWord ? MOST_WORD_OVERLAP : MOST_OVERLAP) * smaller;
    });
  }
}

type Look = LayerSource extends infer O
  ? O extends LayerSource
    ? Omit<O, "x" | "y" | "side" | "angle">
    : never
  : never;

/** Least and most side, of the picture's. */
function sideRange(look: Look, total: number): [number, number] {
  if (look.kind === "word") return [0.1 + 0.055 * look.word.length, MOST_SIDE];
  return [LEAST_SIDE + 0.02, total <= 2 ? MOST_SIDE : total <= 4 ? 0.36 : 0.28];
}
