import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deviceFunctions, reachableFrom } from "./mutants-functions.mjs";
import { changesOf, OPERATORS } from "./mutants-places.mjs";
import { root } from "./process.mjs";

/** @typedef {import("./mutants-functions.mjs").DeviceFunction} DeviceFunction */
/** @typedef {import("./mutants-places.mjs").Change} Change */

/**
 * @typedef {object} Mutant
 * @property {number} number from 1, of its file; what HONEYBEE_MUTANT says
 * @property {string} kernel
 * @property {DeviceFunction} fn where it is
 * @property {Change} change
 * @property {string} file
 * @property {number} line
 * @property {string} before the source from the line's begin to its end
 * @property {string} after the same as changed, in words where C++ has none
 * @property {string} key file, function, operator and changed text: what a reason for surviving is kept under
 */

/**
 * A source file with its mutants and the texts they concern.
 *
 * @typedef {{file: string, sources: Map<string, string>, mutants: Mutant[]}} MutatedFile
 */

/** Always tried, however many there are: what only a concurrent run shows. */
export const ALWAYS = new Set(["barrier", "wait"]);

/**
 * Chooses the mutants of one .cu file: for each kernel `count`, from its own text and from the device functions it
 * enters, spread over the operators; barriers and waits beyond that. The choice depends on the seed and on the changed
 * text alone, so that an edit elsewhere leaves it as it is.
 *
 * @param {string} file relative to the repository
 * @param {{seed: number, count: number, read?: (file: string) => string}} options
 * @returns {MutatedFile}
 */
export function chooseMutants(file, { seed, count, read = readSource }) {
  const sources = withHeaders(file, read);
  const functions = [...sources].flatMap(([name, source]) => deviceFunctions(name, source));
  const candidates = new Map(functions.map((fn) => [fn, candidatesOf(fn, sources.get(fn.file))]));
  const kernels = functions.filter((fn) => fn.kernel && fn.file === file);
  const piles = kernels.map((kernel) => ({
    kernel: kernel.name,
    pile: inTurns(
      reachableFrom(kernel, functions).flatMap((fn) => candidates.get(fn)),
      seed,
    ),
  }));
  const mutants = dealt(piles, count).map((mutant, index) => ({ ...mutant, number: index + 1 }));
  return { file, sources, mutants };
}

const readSource = (file) => readFileSync(join(root, file), "utf8");

/** A file and the headers beside it that it includes, at any depth. */
function withHeaders(file, read) {
  const sources = new Map([[file, read(file)]]);
  for (const source of sources.values()) {
    for (const [, header] of source.matchAll(/^#include "(cuda\/\w+\.h)"/gm)) {
      if (!sources.has(header)) sources.set(header, read(header));
    }
  }
  return sources;
}

function candidatesOf(fn, source) {
  const seen = new Map();
  return changesOf(fn).map((change) => {
    const start = fn.tokens[change.from].start;
    const begin = source.lastIndexOf("\n", start) + 1;
    const newline = source.indexOf("\n", fn.tokens[change.to].end);
    const end = newline < 0 ? source.length : newline;
    const before = squeezed(source.slice(begin, end));
    const after = squeezed(changedText(fn, change, source, begin, end));
    // What a barrier stands in front of tells it from others.
    const context = change.write === "drop" ? ` ${squeezed(source.slice(end).split("\n")[1])}` : "";
    const name = `${fn.file} ${fn.name} ${change.operator}: ${after}${context}`;
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    const key = nth === 1 ? name : `${name} (${nth})`;
    const line = source.slice(0, start).split("\n").length;
    return { fn, change, file: fn.file, line, before, after, key };
  });
}

const squeezed = (text) =>
  text
    .replace(/\/\/.*/g, "")
    .replace(/\s+/g, " ")
    .trim();

/** The line as a reader would write the mutant. */
function changedText({ tokens }, { write, from, to, text }, source, begin, end) {
  const first = tokens[from];
  const last = tokens[to];
  const inner = source.slice(first.start, last.end);
  const changed = {
    binary: text,
    literal: text,
    index: `${inner.slice(0, -1)} ${text}]`,
    round: `rounded(${inner})`,
    drop: "/* dropped */",
  }[write];
  return source.slice(begin, first.start) + changed + source.slice(last.end, end);
}

/** Candidates in turns of the operators, each operator's in the order of the seed; barriers and waits first. */
function inTurns(candidates, seed) {
  const rank = new Map(candidates.map((candidate) => [candidate, hash(`${seed} ${candidate.key}`)]));
  const piles = OPERATORS.map((operator) =>
    candidates
      .filter(({ change }) => change.operator === operator)
      .sort((a, b) => (rank.get(a) < rank.get(b) ? -1 : 1)),
  );
  const ordered = piles.flatMap((pile) => (ALWAYS.has(pile[0]?.change.operator) ? pile.splice(0) : []));
  while (piles.some((pile) => pile.length > 0)) {
    for (const pile of piles) ordered.push(...pile.splice(0, 1));
  }
  return ordered;
}

/** Deals `count` candidates to each kernel, one at a time, because kernels of a file share device functions. */
function dealt(piles, count) {
  const taken = new Set();
  const mutants = [];
  const take = (kernel, candidate) => {
    if (taken.has(candidate.key)) return false;
    taken.add(candidate.key);
    mutants.push({ ...candidate, kernel });
    return true;
  };
  const owned = piles.map(({ kernel, pile }) => {
    const always = pile.filter(({ change }) => ALWAYS.has(change.operator));
    return always.filter((candidate) => take(kernel, candidate)).length;
  });
  for (let round = 1; round <= count; round++) {
    piles.forEach(({ kernel, pile }, i) => {
      if (owned[i] < round && pile.some((candidate) => take(kernel, candidate))) owned[i]++;
    });
  }
  return mutants;
}

const hash = (text) => createHash("sha256").update(text).digest("hex");
