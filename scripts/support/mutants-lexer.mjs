/**
 * Just enough of C++ to find places in kernels that mean something else when a token changes. It relies on the
 * repository's formatting, which the linter enforces: binary operators stand between spaces, template brackets and
 * unary operators do not.
 */

/**
 * @typedef {object} Token
 * @property {"word" | "number" | "string" | "mark"} kind
 * @property {string} text
 * @property {number} start
 * @property {number} end
 * @property {boolean} spaced whether white space stands on both sides
 * @property {number} [partner] the index of the bracket that closes or opens this one
 * @property {boolean} [template] whether it is a template bracket or stands inside a pair of them
 */

const TOKEN = new RegExp(
  [
    /(?<skip>\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|^[ \t]*#(?:[^\n\\]|\\\n|\\.)*)/,
    /(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/,
    /(?<number>\.?\d(?:[eEpP][+-]|'(?=\w)|[\w.])*)/,
    /(?<word>[A-Za-z_]\w*)/,
    /(?<mark><<=|>>=|<=>|\.\.\.|->|\+\+|--|&&|\|\||<<|>>|::|[<>=!+\-*/%&|^]=|[\s\S])/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gm",
);

const BRACKETS = { "(": ")", "[": "]", "{": "}" };

/**
 * The tokens of a source without comments and preprocessor lines.
 *
 * @param {string} source
 * @returns {Token[]}
 */
export function tokensOf(source) {
  const tokens = [];
  for (const { 0: text, index, groups } of source.matchAll(TOKEN)) {
    if (groups.skip !== undefined) continue;
    const kind = ["string", "number", "word", "mark"].find((name) => groups[name] !== undefined);
    const end = index + text.length;
    const spaced = /\s/.test(source[index - 1] ?? " ") && /\s/.test(source[end] ?? " ");
    tokens.push({ kind, text, start: index, end, spaced });
  }
  pairBrackets(tokens);
  markTemplates(tokens, source);
  return tokens;
}

function pairBrackets(tokens) {
  const open = [];
  tokens.forEach((token, index) => {
    if (token.text in BRACKETS && token.kind === "mark") open.push(index);
    if (token.kind !== "mark" || open.length === 0) return;
    if (BRACKETS[tokens[open.at(-1)].text] !== token.text) return;
    const partner = open.pop();
    token.partner = partner;
    tokens[partner].partner = index;
  });
}

/** `name<`, `](…)<` and `template <` open template brackets; `a < b` has a space before. */
function markTemplates(tokens, source) {
  let depth = 0;
  tokens.forEach((token, index) => {
    const opens =
      token.text === "<" &&
      (tokens[index - 1]?.text === "template" || !/\s/.test(source[token.start - 1] ?? " "));
    if (opens) depth++;
    if (depth > 0) token.template = true;
    if (depth > 0 && !token.spaced && /^>+$/.test(token.text)) depth -= token.text.length;
  });
}
