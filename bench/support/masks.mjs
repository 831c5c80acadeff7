// Llama's vocabulary of 32,000 tokens, formats compiled for it, and masks by the clock.
import llama from "llama-tokenizer-js";
import { tokenBytes } from "../../dist/lib/model/formats.js";
import { native } from "../../dist/lib/native.js";

const STOP = 2;

/** Llama's pieces as a tokenizer, as far as masks need one. */
const tokenizer = {
  vocabSize: llama.vocabById.length,
  bytes(id, atStart = false) {
    const piece = llama.vocabById[id];
    if (id < 3) return Buffer.alloc(0);
    if (/^<0x..>$/.test(piece)) return Buffer.from([Number.parseInt(piece.slice(3, 5), 16)]);
    const bytes = Buffer.from(piece.replaceAll("\u2581", " "));
    return atStart && bytes[0] === 0x20 ? bytes.subarray(1) : bytes;
  },
};

const vocabulary = native.vocabulary(tokenBytes(tokenizer));
// The first format to be compiled makes the trees of the vocabulary.
await native.compileFormat({ kind: "regex", text: "a" }, vocabulary);

/** Compiles a JSON Schema. */
export async function compileTimed(text) {
  const start = performance.now();
  const format = await native.compileFormat({ kind: "schema", text }, vocabulary);
  return { format, ms: performance.now() - start };
}

/** Microseconds of each mask of one document, drawn as evenly from the masks as they allow. */
export function timeMasks(format, random, maxTokens) {
  const reader = new native.FormatReader(format);
  const times = [];
  for (let remaining = maxTokens; remaining > 0 && !reader.finished(); remaining--) {
    const begin = performance.now();
    const mask = reader.mask(remaining, [STOP]);
    times.push((performance.now() - begin) * 1000);
    const token = random.pick(tokensOf(mask));
    if (token === STOP) break;
    if (!reader.accept(token)) throw new Error(`token ${token} was allowed and is refused`);
  }
  return times;
}

function tokensOf(mask) {
  const tokens = [];
  for (const [word, bits] of mask.entries()) {
    for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) tokens.push(32 * word + bit);
  }
  return tokens;
}

/** Median, 90 %, 99 % and the largest, to three digits. */
export function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => Number(sorted[Math.floor(share * (sorted.length - 1))].toPrecision(3));
  return { median: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
