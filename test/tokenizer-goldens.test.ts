import t, { type Test } from "tap";
import { loadTokenizer, type Tokenizer } from "../lib/tokenizer/index.js";
import { readJsonl } from "./support/jsonl.js";
import { label } from "./support/label.js";
import { goldenPath } from "./support/paths.js";

interface GoldenString {
  text: string;
  ids: number[];
  /** transformers' legacy=false, where it differs. */
  ids_nonlegacy?: number[];
  /** Plain SentencePiece, where it differs. */
  ids_sentencepiece?: number[];
  pieces?: string[];
  decoded: string;
}

const strings = readJsonl<GoldenString>("tokenizer", "strings.jsonl");

function checkStrings(t: Test, tokenizer: Tokenizer): void {
  for (const golden of strings) {
    const name = label(golden.text);
    t.same(tokenizer.encode(golden.text), golden.ids, `encode ${name}`);
    t.same(tokenizer.encodeChunk(golden.text), golden.ids_nonlegacy ?? golden.ids, `encodeChunk ${name}`);
    const plain = tokenizer.encode(golden.text, { parseSpecial: false });
    t.same(plain, golden.ids_sentencepiece ?? golden.ids, `encode without special tokens ${name}`);
    t.equal(tokenizer.decode(golden.ids), golden.decoded, `decode ${name}`);
    if (golden.pieces) t.same(tokenizer.pieces(golden.ids), golden.pieces, `pieces ${name}`);
  }
}

t.test("tokenizer.model gives the ids and texts of the reference", async (t) => {
  checkStrings(t, await loadTokenizer(goldenPath("tokenizer", "small.model")));
});

t.test("the same vocabulary as tokenizer.json gives the same", async (t) => {
  checkStrings(t, await loadTokenizer(goldenPath("tokenizer", "llama-fast")));
});

t.test("arbitrary ids decode as SentencePiece decodes them", async (t) => {
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "small.model"));
  for (const { ids, decoded } of readJsonl<{ ids: number[]; decoded: string }>(
    "tokenizer",
    "decode-ids.jsonl",
  )) {
    t.equal(tokenizer.decode(ids), decoded, `decode ${ids.join(" ")}`);
  }
});

t.test("a stream shows each prefix, with unfinished characters held back", async (t) => {
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "small.model"));
  interface Golden {
    text: string;
    ids: number[];
    prefixes: string[];
  }
  for (const { text, ids, prefixes } of readJsonl<Golden>("tokenizer", "streaming.jsonl")) {
    const decoded = prefixes.at(-1)!;
    for (const [last, prefix] of prefixes.entries()) {
      const stream = tokenizer.stream();
      let shown = "";
      for (const id of ids.slice(0, last + 1)) {
        shown += stream.push(id);
        t.ok(decoded.startsWith(shown), `${label(shown)} never has to be taken back`);
      }
      t.equal(shown + stream.end(), prefix, `first ${last + 1} ids of ${label(text)}`);
    }
  }
});

t.test("byte-level tokenizer.json", async (t) => {
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "byte-level"));
  for (const { text, ids, decoded } of readJsonl<GoldenString>("tokenizer", "byte-level.jsonl")) {
    t.same(tokenizer.encode(text), ids, `encode ${label(text)}`);
    t.equal(tokenizer.decode(ids), decoded, `decode ${label(text)}`);
  }
});
