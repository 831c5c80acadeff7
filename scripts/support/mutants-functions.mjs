import { tokensOf } from "./mutants-lexer.mjs";

/** @typedef {import("./mutants-lexer.mjs").Token} Token */

/**
 * @typedef {object} DeviceFunction
 * @property {string} name
 * @property {string} file
 * @property {boolean} kernel whether it is a __global__ function
 * @property {Token[]} tokens of its file
 * @property {number} first its first token that may change: of the body, or of a constructor's initializers
 * @property {number} last the brace that closes it
 * @property {Set<string>} calls the names it mentions in front of "(" or a template bracket
 */

const NOT_NAMES = new Set(["__launch_bounds__", "alignas", "decltype", "requires", "noexcept", "__align__"]);

/**
 * The __global__ and __device__ functions that a source defines.
 *
 * @param {string} file
 * @param {string} source
 * @returns {DeviceFunction[]}
 */
export function deviceFunctions(file, source) {
  const tokens = tokensOf(source);
  const functions = [];
  tokens.forEach((token, index) => {
    if (token.text !== "__global__" && token.text !== "__device__") return;
    const found = definitionFrom(tokens, index);
    if (!found) return;
    const calls = new Set();
    for (let i = found.first; i <= found.last; i++) {
      const next = tokens[i + 1];
      if (tokens[i].kind === "word" && (next?.text === "(" || (next?.text === "<" && next.template)))
        calls.add(tokens[i].text);
    }
    functions.push({ ...found, file, kernel: token.text === "__global__", tokens, calls });
  });
  return functions;
}

/** From the qualifier over the name and the parameters to the body; undefined for a mere declaration. */
function definitionFrom(tokens, qualifier) {
  let open = qualifier + 1;
  for (; open < tokens.length; open++) {
    if (tokens[open].text === ";") return undefined;
    if (tokens[open].text !== "(" || tokens[open].template) continue;
    const before = tokens[open - 1];
    if (before.kind === "word" && !NOT_NAMES.has(before.text)) break;
    open = tokens[open].partner;
  }
  const name = tokens[open - 1].text;
  let at = tokens[open].partner + 1;
  const initializers = tokens[at]?.text === ":" ? at : undefined;
  // An initializer in braces belongs to a name, the body follows on a parenthesis or a qualifier.
  while (at < tokens.length && tokens[at].text !== ";" && tokens[at].text !== "{") {
    at = tokens[at].text === "(" ? tokens[at].partner + 1 : at + 1;
  }
  if (tokens[at]?.text !== "{") return undefined;
  return { name, first: initializers ?? at, last: tokens[at].partner };
}

/**
 * The functions that a kernel enters, itself first, by the names it mentions.
 *
 * @param {DeviceFunction} kernel
 * @param {DeviceFunction[]} all of its file and the headers this includes
 * @returns {DeviceFunction[]}
 */
export function reachableFrom(kernel, all) {
  const reached = [kernel];
  for (const caller of reached) {
    for (const candidate of all) {
      if (!candidate.kernel && caller.calls.has(candidate.name) && !reached.includes(candidate))
        reached.push(candidate);
    }
  }
  return reached;
}
