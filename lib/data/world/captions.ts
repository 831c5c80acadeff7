import type { Random } from "../random.js";
import { countOf, type Facts, placeOf, type Thing } from "./facts.js";
import type { SceneObject } from "./scene.js";

const cap = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** "one, two and three" */
function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

/** A thing with its number, sometimes its colour, and mostly its place: "a red apple at the top left". */
function mention(facts: Facts, thing: Thing, random: Random): string {
  const colored = withColor(thing, random);
  const places = thing.members.map((object) => facts.region(object));
  const known = places.filter((region) => region !== null);
  if (known.length < places.length || random.chance(0.15)) return colored;
  const [first] = known as [NonNullable<(typeof known)[0]>];
  if (known.every((region) => region === first)) return `${colored} ${placeOf(first)}`;
  if (thing.members.length > 3 || random.chance(0.4)) return colored;
  return `${colored}, ${listed(known.map((region) => `one ${placeOf(region)}`))}`;
}

/** Shapes have their colour in their name; that of words and drawings is said now and then. */
function withColor(thing: Thing, random: Random): string {
  const [{ color }] = thing.members as [SceneObject];
  const isOneColor = thing.members.every((member) => member.color === color);
  const isSaid = color !== null && isOneColor && thing.kind !== "shape" && random.chance(0.35);
  if (!isSaid || thing.isMass)
    return isSaid && thing.kind === "word" ? `${countOf(thing)} in ${color}` : countOf(thing);
  const colored = { ...thing, phrase: `${color} ${thing.phrase}`, plural: `${color} ${thing.plural}` };
  const article = /^[aeiou]/.test(color) ? "an" : "a";
  return countOf({ ...colored, indefinite: `${article} ${colored.phrase}` });
}

/** What a scene shows: all things with their numbers, and most places. */
export function captionOf(facts: Facts, random: Random): string {
  const things = random.shuffled(facts.things);
  const mentions = things.map((thing) => mention(facts, thing, random));
  const hasCommas = mentions.some((text) => text.includes(","));
  if (hasCommas || random.chance(0.3)) return mentions.map((text) => `${cap(text)}.`).join(" ");
  if (random.chance(0.3)) {
    const verb = things[0]!.members.length > 1 ? "are" : "is";
    return `There ${verb} ${listed(mentions)}.`;
  }
  return `${cap(listed(mentions))}.`;
}
