/** @typedef {import("./mutants-functions.mjs").DeviceFunction} DeviceFunction */

/**
 * A change of one place. `operator` is one of OPERATORS, `write` one of the forms of mutants-write.mjs; `from` and
 * `to` are the tokens it concerns (a bracket pair, a call, or one token twice), `text` is what a reader sees of it.
 *
 * @typedef {{operator: string, write: string, from: number, to: number, variant: string, text: string}} Change
 */

export const OPERATORS = ["barrier", "wait", "index", "bound", "swap", "constant", "cast"];

const DROPPED = {
  __syncthreads: "barrier",
  __syncwarp: "barrier",
  cp_async_wait: "wait",
  cp_async_commit: "wait",
};
const SHARED = new Set(["HB_SHARED", "HB_DYNAMIC_SHARED", "static_assert", "sizeof"]);
/** What < becomes with the bound moved by one, and with its operands swapped. */
const RELATIONS = { "<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="] };

/**
 * Everything that can be changed in a function.
 *
 * @param {DeviceFunction} fn
 * @returns {Change[]} in the order of the source
 */
export function changesOf(fn) {
  const { tokens, first, last } = fn;
  const constant = constantTokens(tokens, first, last);
  const conditions = conditionTokens(tokens, first, last);
  const changes = [];
  for (let i = first; i <= last; i++) {
    if (!constant.has(i)) changes.push(...changesAt(tokens, i, conditions.has(i)));
  }
  return changes;
}

function changesAt(tokens, i, inCondition) {
  const { kind, text, spaced, template } = tokens[i];
  if (template) return [];
  if (kind === "number") {
    // a[0] has its index moved already.
    if (tokens[i - 1].text === "[" && tokens[i + 1].text === "]") return [];
    return literalChanges(text, inCondition).map((change) => ({ ...change, from: i, to: i }));
  }
  if (kind === "word") return callChanges(tokens, i);
  if (text === "[") return isSubscript(tokens, i) ? indexChanges(i, tokens[i].partner) : [];
  if (!spaced) return [];
  if (text in RELATIONS) {
    const [moved, turned] = RELATIONS[text];
    return [
      { operator: "bound", write: "binary", from: i, to: i, variant: "bound", text: moved },
      { operator: "swap", write: "binary", from: i, to: i, variant: "swap", text: turned },
    ];
  }
  if (text !== "-" && text !== "/") return [];
  return [{ operator: "swap", write: "binary", from: i, to: i, variant: "swap", text: `${text}⇄` }];
}

const indexChanges = (from, to) =>
  ["+ 1", "- 1"].map((step) => ({ operator: "index", write: "index", from, to, variant: step, text: step }));

/** Numbers in conditions move by one; others become 1, 0 or half of what they were. */
function literalChanges(text, inCondition) {
  const number = Number(text.replace(/(?<!^0x.*)[fF]$|[uUlL]+$/, "").replaceAll("'", ""));
  const whole = /^[\d']+[uUlL]*$|^0x[\da-fA-F]+[uUlL]*$/.test(text);
  if (inCondition && whole) {
    const parts = /^(.*?)([uUlL]*)$/.exec(text);
    return [1, -1].map((step) => {
      const moved = number + step < 0 ? `(${text} - 1)` : `${number + step}${parts[2]}`;
      return { operator: "bound", write: "literal", variant: moved, text: moved };
    });
  }
  const suffix = whole ? /[uUlL]*$/.exec(text)[0] : (/[fF]$/.exec(text)?.[0] ?? "");
  const one = whole ? `1${suffix}` : `1.0${suffix}`;
  const zero = whole ? `0${suffix}` : `0.0${suffix}`;
  const other = number === 0 ? one : number === 1 ? zero : `(${text} / 2)`;
  return [{ operator: "constant", write: "literal", variant: other, text: other }];
}

/** Calls that are dropped, and conversions to and from float that get one more rounding. */
function callChanges(tokens, i) {
  const open = argumentsOf(tokens, i);
  if (open === undefined) return [];
  const { text } = tokens[i];
  const to = tokens[open].partner;
  if (text in DROPPED)
    return tokens[to + 1]?.text === ";"
      ? [{ operator: DROPPED[text], write: "drop", from: i, to, variant: "drop", text: "dropped" }]
      : [];
  if (text === "from_float") {
    // One more rounding of from_float(to_float(x)) is the inner call's.
    if (tokens[open + 1].text === "to_float") return [];
    return [
      { operator: "cast", write: "round", from: open + 1, to: to - 1, variant: "round", text: "rounded" },
    ];
  }
  const widens = text === "static_cast" && tokens[i + 2].text === "float" && tokens[i + 3].text === ">";
  if (text !== "to_float" && !widens) return [];
  return [{ operator: "cast", write: "round", from: i, to, variant: "round", text: "rounded" }];
}

/** The parenthesis that opens the arguments of the call named by token i, behind its template arguments. */
function argumentsOf(tokens, i) {
  let at = i + 1;
  while (tokens[at]?.template) at++;
  return tokens[at]?.text === "(" && (at === i + 1 || tokens[i + 1].text === "<") ? at : undefined;
}

/** `a[i]` and `f(x)[i]`, but not `T a[4]`, `T (&a)[4]` or the captures of a lambda. */
function isSubscript(tokens, i) {
  const before = tokens[i - 1];
  if (before.text === "]") return before.partner !== undefined && isSubscript(tokens, before.partner);
  if (before.text === ")") return tokens[before.partner + 1].text !== "&";
  if (before.kind !== "word" || before.text === "return") return false;
  const earlier = tokens[i - 2];
  if (earlier.kind === "word") return /^(return|else|case)$/.test(earlier.text);
  return !(earlier.template || (/^[*&]$/.test(earlier.text) && !earlier.spaced && isType(tokens[i - 3])));
}

const isType = (token) => token.kind === "word" || token.template === true;

/** What the compiler evaluates: constants, sizes of arrays, labels, declarations of shared memory. */
function constantTokens(tokens, first, last) {
  const constant = new Set();
  const add = (from, to) => {
    for (let i = from; i <= to; i++) constant.add(i);
  };
  for (let i = first; i <= last; i++) {
    const { text } = tokens[i];
    if (text === "constexpr" && tokens[i - 1].text === "if") add(i, tokens[i + 1].partner);
    else if (text === "constexpr") add(i, next(tokens, i, ";"));
    else if (text === "case") add(i, next(tokens, i, ":"));
    else if (SHARED.has(text) && tokens[i + 1].text === "(") add(i, tokens[i + 1].partner);
    else if (text === "[" && !isSubscript(tokens, i)) add(i, tokens[i].partner);
  }
  return constant;
}

/** What stands in the conditions of if, while and for. */
function conditionTokens(tokens, first, last) {
  const inside = new Set();
  for (let i = first; i <= last; i++) {
    const { text } = tokens[i];
    if (!/^(if|while|for)$/.test(text) || tokens[i + 1].text !== "(") continue;
    let from = i + 1;
    let to = tokens[from].partner;
    if (text === "for") {
      from = next(tokens, from, ";");
      if (from > to) continue; // over a range
      to = next(tokens, from + 1, ";");
    }
    for (let at = from; at <= to; at++) inside.add(at);
  }
  return inside;
}

function next(tokens, from, text) {
  let i = from;
  while (i < tokens.length && tokens[i].text !== text) i++;
  return i;
}
