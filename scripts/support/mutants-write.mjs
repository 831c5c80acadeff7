/** @typedef {import("./mutants-choose.mjs").Mutant} Mutant */

const NAMESPACE = "::honeybee::mutants";

/**
 * The text of a file in which every mutant can be chosen at run time (test/mutants/mutants.h says how); lines stay
 * where they are.
 *
 * @param {string} source
 * @param {Mutant[]} mutants of this file
 * @returns {string}
 */
export function withMutants(source, mutants) {
  const places = new Map();
  for (const mutant of mutants) places.set(placeOf(mutant), [...(places.get(placeOf(mutant)) ?? []), mutant]);
  const edits = [...places.values()].flatMap((place) => editsOf(source, place)).sort(inOrder);
  let text = "";
  let at = 0;
  for (const { start, end, insert } of edits) {
    text += source.slice(at, start) + insert;
    at = end;
  }
  return text + source.slice(at);
}

const placeOf = ({ change, fn }) => `${fn.tokens[change.from].start} ${change.to} ${change.write}`;

/** At one position what closes comes before what opens; of those the narrow closes first, the wide opens first. */
function inOrder(a, b) {
  const order = ({ side }) => ["close", "open", "replace"].indexOf(side);
  if (a.start !== b.start) return a.start - b.start;
  if (order(a) !== order(b)) return order(a) - order(b);
  return a.side === "close" ? a.width - b.width : b.width - a.width;
}

/** The replacement of a token, or what is put before and behind something. All mutants are of one place. */
function editsOf(source, mutants) {
  const { fn, change } = mutants[0];
  const first = fn.tokens[change.from];
  const last = fn.tokens[change.to];
  const original = source.slice(first.start, last.end);
  const numberOf = (variant) => mutants.find((mutant) => mutant.change.variant === variant)?.number ?? 0;
  const around = (start, opening, end, closing) => [
    { start, end: start, insert: opening, side: "open", width: end - start },
    { start: end, end, insert: closing, side: "close", width: end - start },
  ];
  switch (change.write) {
    case "binary": {
      const place = `${NAMESPACE}::Place<${numberOf("bound")}, ${numberOf("swap")}>{}`;
      const insert = `${original} ${place} ${original}`;
      return [{ start: first.start, end: last.end, insert, side: "replace", width: 0 }];
    }
    case "literal": {
      const choices = mutants.map(
        (mutant) => `${NAMESPACE}::is<${mutant.number}>() ? ${mutant.change.text} : `,
      );
      const insert = `(${choices.join("")}${original})`;
      return [{ start: first.start, end: last.end, insert, side: "replace", width: 0 }];
    }
    case "index": {
      const step = `${NAMESPACE}::step<${numberOf("+ 1")}, ${numberOf("- 1")}>()`;
      return around(first.end, "(", last.start, `) + ${step}`);
    }
    case "round":
      return around(first.start, `${NAMESPACE}::rounded<${numberOf("round")}>(`, last.end, ")");
    case "drop":
      return around(first.start, `${NAMESPACE}::is<${numberOf("drop")}>() ? void() : `, last.end, "");
    default:
      throw new Error(`no form ${change.write}`);
  }
}
