import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { SentencePieceProcessor } from "@agnai/sentencepiece-js";
import llama from "llama-tokenizer-js";
import mistral from "mistral-tokenizer-js";
import t, { type Test } from "tap";
import { loadTokenizer, type Tokenizer } from "../lib/tokenizer/index.js";
import { type Piece, PieceType } from "../lib/tokenizer/sentencepiece-model.js";
import { readJson } from "./support/jsonl.js";
import { label } from "./support/label.js";
import { Random } from "./support/mutate.js";
import { goldenPath } from "./support/paths.js";
import { randomText } from "./support/random-text.js";
import {
  llamaBasePieces,
  llamaPieces,
  type ModelFile,
  writeSentencePieceModel,
} from "./support/sentencepiece-file.js";

/** The vocabularies of 32,000 pieces come from packages; these tests write them as tokenizer.model. */
interface VocabularyGolden {
  sha256: string;
  items: { text: string; ids: number[]; decoded?: string }[];
}

function writeModel(folder: string, file: ModelFile): string {
  const path = join(folder, "tokenizer.model");
  writeFileSync(path, writeSentencePieceModel(file));
  return path;
}

async function checkAgainstOracle(t: Test, path: string, texts: readonly string[], seed: number) {
  const oracle = new SentencePieceProcessor();
  await oracle.load(path);
  const tokenizer = await loadTokenizer(path);
  const random = new Random(seed);
  for (const text of texts) {
    const ids = tokenizer.encode(text, { parseSpecial: false });
    t.equal(ids.join(" "), oracle.encodeIds(text).join(" "), `encode ${label(text)}`);
  }
  for (let i = 0; i < 200; i++) {
    const ids = randomIds(random, tokenizer);
    t.equal(tokenizer.decode(ids), oracle.decodeIds(ids), `decode ${ids.join(" ")}`);
  }
}

/** Ids without special ones, which SentencePiece shows (" ⁇ ") and we leave out. */
function randomIds(random: Random, tokenizer: Tokenizer): number[] {
  return Array.from({ length: 1 + random.below(12) }, () =>
    // Bytes often, so that runs of them make and break characters.
    random.below(2) === 0 ? 3 + random.below(256) : 3 + random.below(tokenizer.vocabSize - 3),
  );
}

function randomTexts(seed: number, count: number): string[] {
  const random = new Random(seed);
  // The oracle takes texts as C strings.
  return Array.from({ length: count }, () => randomText(random).replaceAll("\u0000", ""));
}

t.test("Llama's vocabulary", async (t) => {
  const golden = readJson<VocabularyGolden>("tokenizer", "llama-ids.json");
  const source = createRequire(import.meta.url).resolve("llama-tokenizer-js");
  t.equal(
    createHash("sha256").update(readFileSync(source)).digest("hex"),
    golden.sha256,
    "the golden's own package",
  );
  const tokenizer = await loadTokenizer(writeModel(t.testdir(), { pieces: llamaPieces(llama.vocabById) }));
  t.equal(tokenizer.vocabSize, 32000);
  for (const { text, ids } of golden.items) {
    t.same(tokenizer.encode(text, { parseSpecial: false }), ids, label(text));
  }
  for (const text of randomTexts(1, 300)) {
    const expected = llama.encode(text, false);
    t.same(tokenizer.encode(text, { parseSpecial: false }), expected, label(text));
  }
});

t.test("Mistral's vocabulary", async (t) => {
  const golden = readJson<VocabularyGolden>("tokenizer", "mistral-v1-ids.json");
  const tokenizer = await loadTokenizer(writeModel(t.testdir(), { pieces: llamaPieces(mistral.vocabById) }));
  for (const { text, ids, decoded } of golden.items) {
    t.same(tokenizer.encode(text, { parseSpecial: false }), ids, label(text));
    t.equal(tokenizer.decode(ids), decoded ?? text, `decode ${label(text)}`);
  }
});

t.test("SentencePiece itself, on random texts and ids", async (t) => {
  await checkAgainstOracle(t, goldenPath("tokenizer", "small.model"), randomTexts(2, 500), 3);
});

const { normal, userDefined, unused } = PieceType;
const CHARACTERS: Piece[] = [..."\u2581abcdexyz<>"].map((text) => ({ text, score: -100, type: normal }));

t.test("SentencePiece itself, on user-defined and unused pieces and equal scores", async (t) => {
  const pieces: Piece[] = [
    ...llamaBasePieces(),
    ...CHARACTERS,
    { text: "ab", score: -1, type: normal },
    { text: "bc", score: -1, type: normal },
    { text: "cd", score: -1, type: normal },
    { text: "abc", score: -2, type: unused },
    { text: "abcd", score: -3, type: normal },
    { text: "\u2581a", score: -4, type: unused },
    { text: "\u2581ab", score: -5, type: unused },
    { text: "<x>", score: 0, type: userDefined },
    { text: "<x>y", score: 0, type: userDefined },
    { text: "zz", score: 0, type: userDefined },
    { text: "\u2581\u2581", score: -6, type: normal },
  ];
  const random = new Random(4);
  const parts = ["a", "b", "c", "d", "e", "<x>", "<x>y", "z", "zz", "<", ">", " ", "é"];
  const texts = Array.from({ length: 500 }, () =>
    Array.from({ length: 1 + random.below(10) }, () => random.pick(parts)).join(""),
  );
  await checkAgainstOracle(t, writeModel(t.testdir(), { pieces }), texts, 5);
});

t.test("SentencePiece itself, without dummy prefix and byte fallback", async (t) => {
  const pieces = [...llamaBasePieces().slice(0, 3), ...CHARACTERS, { text: "ab", score: -1, type: normal }];
  const path = writeModel(t.testdir(), { pieces, byteFallback: false, addDummyPrefix: false });
  const oracle = new SentencePieceProcessor();
  await oracle.load(path);
  const tokenizer = await loadTokenizer(path);
  for (const text of ["ab", " ab", "abé", "éé", "é é", "aéb", "😀 a", "", " "]) {
    t.same(tokenizer.encode(text), oracle.encodeIds(text), label(text));
  }
});
