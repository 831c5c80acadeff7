import type { Atlas } from "./atlas.js";
import { centreOf } from "./geometry.js";
import type { Scene, SceneObject } from "./scene.js";

/** The nine parts of a picture, row by row. */
export const REGIONS = [
  "top left",
  "top",
  "top right",
  "left",
  "center",
  "right",
  "bottom left",
  "bottom",
  "bottom right",
] as const;

export type Region = (typeof REGIONS)[number];

/** How far, of the picture's side, a centre must be from a border between parts for its part to be beyond dispute. */
const REGION_MARGIN = 0.035;

/** "at the top left", "on the left", "in the center" */
export function placeOf(region: Region): string {
  if (region === "center") return "in the center";
  return region === "left" || region === "right" ? `on the ${region}` : `at the ${region}`;
}

/** What stands in a scene, once or several times. */
export interface Thing {
  kind: SceneObject["kind"];
  /** As one says it without an article: "dog", "red circle", `word "TREE"`. */
  phrase: string;
  plural: string;
  /** "a dog", "some corn", `the word "TREE"` */
  indefinite: string;
  /** "dog", "circle", "TREE" */
  name: string;
  category: string;
  /** Nothing that is counted, such as corn. */
  isMass: boolean;
  members: SceneObject[];
}

const VOWEL = /^[aeiou]/i;
const CONSONANT_ALL_THE_SAME = /^(uni|UFO)/;

export function withArticle(phrase: string): string {
  return VOWEL.test(phrase) && !CONSONANT_ALL_THE_SAME.test(phrase) ? `an ${phrase}` : `a ${phrase}`;
}

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six"];

/** "three dogs" */
export function countOf(thing: Thing): string {
  const count = thing.members.length;
  return count === 1 ? thing.indefinite : `${NUMBERS[count]} ${thing.plural}`;
}

/** What the world's lists say of a drawing. */
export function nounOf(atlas: Atlas, name: string): Omit<Thing, "members"> {
  const { plural, category } = atlas.index.names[atlas.nameIndex(name)]!;
  const isMass = plural === name && category !== "animal";
  const indefinite = isMass ? `some ${name}` : withArticle(name);
  return { kind: "drawing", phrase: name, plural, indefinite, name, category, isMass };
}

export function shapeNoun(name: string, color: string): Omit<Thing, "members"> {
  const phrase = `${color} ${name}`;
  const plural = name === "cross" ? `${phrase}es` : `${phrase}s`;
  return {
    kind: "shape",
    phrase,
    plural,
    indefinite: withArticle(phrase),
    name,
    category: "shape",
    isMass: false,
  };
}

function wordNoun(word: string): Omit<Thing, "members"> {
  const phrase = `word "${word}"`;
  return {
    kind: "word",
    phrase,
    plural: phrase,
    indefinite: `the ${phrase}`,
    name: word,
    category: "word",
    isMass: true,
  };
}

/** A scene with what its questions need to know. */
export class Facts {
  readonly things: readonly Thing[];
  readonly size: number;

  constructor(
    readonly scene: Scene,
    readonly atlas: Atlas,
  ) {
    this.size = scene.size;
    const things = new Map<string, Thing>();
    for (const object of scene.objects) {
      const noun = this.#nounOf(object);
      const known = things.get(noun.phrase);
      if (known) known.members.push(object);
      else things.set(noun.phrase, { ...noun, members: [object] });
    }
    this.things = [...things.values()];
  }

  #nounOf(object: SceneObject): Omit<Thing, "members"> {
    if (object.kind === "drawing") return nounOf(this.atlas, object.name);
    return object.kind === "shape" ? shapeNoun(object.name, object.color) : wordNoun(object.word);
  }

  /** Things that stand there once. */
  get single(): Thing[] {
    return this.things.filter(({ members }) => members.length === 1);
  }

  has(phrase: string): boolean {
    return this.things.some((thing) => thing.phrase === phrase);
  }

  /** How a thing is told from the others: a shape by its colour only if it must be. */
  definite(thing: Thing): string {
    const isOnlyShape =
      thing.kind === "shape" && this.things.every((other) => other === thing || other.name !== thing.name);
    return `the ${isOnlyShape ? thing.name : thing.phrase}`;
  }

  /** The part of the picture that an object's middle is in; null if near a border. */
  region(object: SceneObject): Region | null {
    const [x, y] = centreOf(object.box);
    const column = this.#third(x);
    const row = this.#third(y);
    return column === null || row === null ? null : REGIONS[row * 3 + column]!;
  }

  #third(value: number): number | null {
    const share = value / this.size;
    const isNear = [1 / 3, 2 / 3].some((border) => Math.abs(share - border) < REGION_MARGIN);
    return isNear ? null : Math.min(2, Math.floor(share * 3));
  }

  /** Whether an object's middle may be said to be in a part of the picture, borders included. */
  mayBeIn(object: SceneObject, region: Region): boolean {
    const [x, y] = centreOf(object.box);
    const at = REGIONS.indexOf(region);
    const isIn = (value: number, third: number) => {
      const share = value / this.size;
      return share > third / 3 - REGION_MARGIN && share < (third + 1) / 3 + REGION_MARGIN;
    };
    return isIn(x, at % 3) && isIn(y, Math.floor(at / 3));
  }
}
