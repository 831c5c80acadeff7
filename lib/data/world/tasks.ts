import { boxText } from "../../prompt/index.js";
import type { Random } from "../random.js";
import { COLOR_NAMES } from "./colors.js";
import { countOf, type Facts, nounOf, placeOf, type Region, shapeNoun, type Thing } from "./facts.js";
import { centreOf } from "./geometry.js";
import type { Box, SceneObject, Task } from "./scene.js";

/** A question about a scene. */
export interface Turn {
  kind: Task | "description";
  question: string;
  /** In a word or a phrase, or as box text. */
  answer: string;
  /** In a sentence. */
  sentence: string;
}

/** What an evaluation set balances; training leaves it to chance. */
export interface Wish {
  /** Existence and relation: what the answer is. */
  answer?: "yes" | "no";
  /** Existence: a negative that shares its colour, shape or category with something that is there. */
  isNear?: boolean;
  region?: Region;
  /** Nothing that the question alone gives away: no colour of drawings, no second form of a question. */
  isStrict?: boolean;
}

/** Asks one thing about a scene; null if the scene does not have what it takes. */
export type Ask = (facts: Facts, random: Random, wish: Wish) => Turn | null;

/** Least distance between middles, of the picture's side, for left to be left. */
const APART = 0.1;

const cap = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

const existence: Ask = (facts, random, wish) => {
  const answer = wish.answer ?? (random.chance(0.5) ? "yes" : "no");
  const candidates = facts.things.filter(({ kind }) => kind !== "word");
  if (candidates.length === 0) return null;
  const model = random.pick(candidates);
  const asked = answer === "yes" ? model : absent(facts, random, model, wish.isNear ?? random.chance(0.5));
  if (asked === null) return null;
  const question = random.pick([
    `Is there ${asked.indefinite} in the picture?`,
    `Is there ${asked.indefinite} in the image?`,
    `Can you see ${asked.indefinite}?`,
  ]);
  const yes =
    model.members.length > 1 ? `Yes, there are ${countOf(model)}.` : `Yes, there is ${asked.indefinite}.`;
  const sentence = answer === "yes" ? yes : `No, there is no ${asked.phrase}.`;
  return { kind: "existence", question, answer, sentence };
};

/** Something that is not there; near: of the same category, or the same colour or shape, as `model`. */
function absent(facts: Facts, random: Random, model: Thing, isNear: boolean): Omit<Thing, "members"> | null {
  const { names, shapes } = facts.atlas.index;
  for (let attempt = 0; attempt < 50; attempt++) {
    let noun: Omit<Thing, "members">;
    if (model.kind === "drawing") {
      noun = nounOf(facts.atlas, random.pick(names).name);
      if (isNear && noun.category !== model.category) continue;
    } else {
      const { name, color } = model.members[0] as SceneObject & { kind: "shape" };
      const keepsColor = random.chance(0.5);
      const otherShape = isNear && !keepsColor ? name : random.pick(shapes);
      noun = shapeNoun(otherShape, isNear && keepsColor ? color : random.pick(COLOR_NAMES));
    }
    if (!facts.has(noun.phrase)) return noun;
  }
  return null;
}

const naming: Ask = (facts, random, wish) => {
  const named = facts.things.filter(({ kind }) => kind !== "word");
  if (facts.things.length === 1 && named.length === 1 && named[0]!.members.length === 1) {
    const [thing] = named as [Thing];
    const question = random.pick(["What is this?", "What is in the picture?", "What is in the image?"]);
    return { kind: "naming", question, answer: thing.name, sentence: `It is ${thing.indefinite}.` };
  }
  const choices: [Thing, Region][] = [];
  for (const thing of named) {
    for (const object of thing.members) {
      const region = facts.region(object);
      if (region === null || (wish.region && wish.region !== region)) continue;
      const isAlone = facts.scene.objects.every((other) => other === object || !facts.mayBeIn(other, region));
      if (isAlone) choices.push([thing, region]);
    }
  }
  if (choices.length === 0) return null;
  const [thing, region] = random.pick(choices);
  const place = placeOf(region);
  const question = random.pick([`What is ${place} of the picture?`, `What is ${place}?`]);
  return { kind: "naming", question, answer: thing.name, sentence: `${cap(thing.indefinite)} is ${place}.` };
};

const counting: Ask = (facts, random, wish) => {
  const countable = facts.things.filter(({ isMass, members }) => !isMass && members.length <= 5);
  const groups = countable.filter(({ members }) => members.length > 1);
  // One of a kind is the usual case in a scene, so it is asked for less often.
  const choices = groups.length > 0 && (wish.isStrict || random.chance(0.8)) ? groups : countable;
  if (choices.length === 0) return null;
  const thing = random.pick(choices);
  const count = thing.members.length;
  const question = random.pick([
    `How many ${thing.plural} are there?`,
    `How many ${thing.plural} are in the picture?`,
    `How many ${thing.plural} can you see?`,
  ]);
  const sentence = count === 1 ? `There is one ${thing.phrase}.` : `There are ${countOf(thing)}.`;
  return { kind: "counting", question, answer: String(count), sentence };
};

const colour: Ask = (facts, random, wish) => {
  const words = facts.things.filter(({ kind }) => kind === "word");
  const choices: { what: string; color: string }[] = [];
  for (const thing of facts.single) {
    const [object] = thing.members as [SceneObject];
    if (object.color === null || (wish.isStrict && object.kind === "drawing")) continue;
    if (object.kind === "word") {
      choices.push({
        what: words.length === 1 && random.chance(0.5) ? "the word" : `the ${thing.phrase}`,
        color: object.color,
      });
    } else if (object.kind === "shape") {
      const isOnly = facts.things.every((other) => other === thing || other.name !== thing.name);
      if (isOnly) choices.push({ what: `the ${thing.name}`, color: object.color });
    } else {
      choices.push({ what: `the ${thing.phrase}`, color: object.color });
    }
  }
  if (choices.length === 0) return null;
  const { what, color } = random.pick(choices);
  const question = random.pick([`What color is ${what}?`, `What is the color of ${what}?`]);
  return { kind: "colour", question, answer: color, sentence: `${cap(what)} is ${color}.` };
};

const position: Ask = (facts, random, wish) => {
  const choices = facts.single
    .map((thing) => ({ thing, region: facts.region(thing.members[0]!) }))
    .filter(({ region }) => region !== null && (!wish.region || wish.region === region));
  if (choices.length === 0) return null;
  const { thing, region } = random.pick(choices);
  const what = facts.definite(thing);
  const question = random.pick([`Where is ${what}?`, `Where in the picture is ${what}?`]);
  return { kind: "position", question, answer: region!, sentence: `${cap(what)} is ${placeOf(region!)}.` };
};

const RELATIONS = [
  { words: "to the left of", axis: 0, sign: -1, opposite: 1 },
  { words: "to the right of", axis: 0, sign: 1, opposite: 0 },
  { words: "above", axis: 1, sign: -1, opposite: 3 },
  { words: "below", axis: 1, sign: 1, opposite: 2 },
] as const;

/** How far a is from b along a relation's direction, of the picture's side; positive if the relation holds. */
function lead(facts: Facts, a: Thing, b: Thing, { axis, sign }: (typeof RELATIONS)[number]): number {
  const of = (thing: Thing) => centreOf(thing.members[0]!.box)[axis];
  return (sign * (of(a) - of(b))) / facts.size;
}

const relation: Ask = (facts, random, wish) => {
  const { single } = facts;
  if (single.length < 2) return null;
  if (!wish.isStrict && random.chance(0.3)) return neighbour(facts, random);
  const answer = wish.answer ?? (random.chance(0.5) ? "yes" : "no");
  const [a, b] = random.shuffled(single) as [Thing, Thing];
  const clear = RELATIONS.filter((direction) => lead(facts, a, b, direction) >= APART);
  if (clear.length === 0) return null;
  const true_ = random.pick(clear);
  const { words } = answer === "yes" ? true_ : RELATIONS[true_.opposite];
  const [first, second] = [facts.definite(a), facts.definite(b)];
  const sentence = `${answer === "yes" ? "Yes" : "No"}, ${first} is ${true_.words} ${second}.`;
  return { kind: "relation", question: `Is ${first} ${words} ${second}?`, answer, sentence };
};

/** "What is above the dog?" where only one thing is. */
function neighbour(facts: Facts, random: Random): Turn | null {
  const b = random.pick(facts.single);
  const direction = random.pick(RELATIONS);
  const objects = facts.things.filter((thing) => thing !== b);
  if (objects.some(({ members }) => members.length > 1)) return null;
  const beyond = objects.filter((thing) => lead(facts, thing, b, direction) > -APART / 2);
  if (beyond.length !== 1 || lead(facts, beyond[0]!, b, direction) < APART || beyond[0]!.kind === "word")
    return null;
  const [a] = beyond as [Thing];
  const question = `What is ${direction.words} ${facts.definite(b)}?`;
  const sentence = `${cap(a.indefinite)} is ${direction.words} ${facts.definite(b)}.`;
  return { kind: "relation", question, answer: a.name, sentence };
}

/** An object with words that mean it alone. */
export function referable(facts: Facts, random: Random): { object: SceneObject; phrase: string } | null {
  const thing = random.pick(facts.things);
  const { members, phrase } = thing;
  if (members.length === 1) {
    const said = random.chance(0.5) ? phrase : facts.definite(thing).slice(4);
    return { object: members[0]!, phrase: said };
  }
  const object = random.pick(members);
  if (members.length === 2) {
    const [other] = members.filter((member) => member !== object) as [SceneObject];
    for (const axis of random.shuffled([0, 1])) {
      const ahead = (centreOf(object.box)[axis]! - centreOf(other.box)[axis]!) / facts.size;
      if (Math.abs(ahead) < APART) continue;
      return {
        object,
        phrase: `${phrase} ${(axis === 0 ? ["on the left", "on the right"] : ["at the top", "at the bottom"])[ahead < 0 ? 0 : 1]}`,
      };
    }
  }
  const region = facts.region(object);
  if (region === null || members.some((other) => other !== object && facts.mayBeIn(other, region)))
    return null;
  return { object, phrase: `${phrase} ${placeOf(region)}` };
}

function regionText([x0, y0, x1, y1]: Box, size: number): string {
  return boxText({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 }, { width: size, height: size });
}

const grounding: Ask = (facts, random) => {
  const found = referable(facts, random);
  if (found === null) return null;
  const { object, phrase } = found;
  const answer = regionText(object.box, facts.size);
  return { kind: "grounding", question: phrase, answer, sentence: answer };
};

const reading: Ask = (facts, random) => {
  const words = facts.things.filter(({ kind, members }) => kind === "word" && members.length === 1);
  if (words.length === 0) return null;
  const thing = random.pick(words);
  const [object] = thing.members as [SceneObject & { kind: "word" }];
  const { word, color } = object;
  const sentence = `It says "${word}".`;
  if (words.length === 1) {
    const question = random.pick([
      "What does the text say?",
      "What word is in the picture?",
      "What is written here?",
    ]);
    return { kind: "reading", question, answer: word, sentence };
  }
  const isOnlyColor = words.every((other) => other === thing || other.members[0]!.color !== color);
  if (isOnlyColor)
    return { kind: "reading", question: `What does the ${color} text say?`, answer: word, sentence };
  const region = facts.region(object);
  if (region === null || words.some((other) => other !== thing && facts.mayBeIn(other.members[0]!, region)))
    return null;
  return { kind: "reading", question: `What does the text ${placeOf(region)} say?`, answer: word, sentence };
};

export const ASK: Readonly<Record<Task, Ask>> = {
  existence,
  naming,
  counting,
  colour,
  position,
  relation,
  grounding,
  reading,
};
