import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import t from "tap";
import { byteTokenizer, loadTokenizer, type Tokenizer } from "../lib/tokenizer/index.js";
import { Utf8Decoder } from "../lib/tokenizer/utf8.js";
import { readJson } from "./support/jsonl.js";
import { label } from "./support/label.js";
import { Random } from "./support/mutate.js";
import { goldenPath } from "./support/paths.js";
import { randomText } from "./support/random-text.js";

const kinds: Record<string, () => Promise<Tokenizer>> = {
  "tokenizer.model": () => loadTokenizer(goldenPath("tokenizer", "small.model")),
  "tokenizer.json with byte fallback": () => loadTokenizer(goldenPath("tokenizer", "llama-fast")),
  "byte-level tokenizer.json": () => loadTokenizer(goldenPath("tokenizer", "byte-level")),
  bytes: async () => byteTokenizer(300),
};

for (const [kind, load] of Object.entries(kinds)) {
  t.test(`${kind}: texts survive, streams join to decode`, async (t) => {
    const tokenizer = await load();
    const random = new Random(11);
    for (let i = 0; i < 200; i++) {
      const text = randomText(random);
      const decoded = tokenizer.decode(tokenizer.encode(text, { parseSpecial: false }));
      // A literal "▁" is a space to vocabularies that write spaces so.
      const expected = kind.startsWith("byte") ? text : text.replaceAll("\u2581", " ");
      t.equal(decoded, expected, label(text));
    }
    const stream = tokenizer.stream();
    for (let i = 0; i < 300; i++) {
      const ids = Array.from({ length: random.below(40) }, () => random.below(tokenizer.vocabSize + 2));
      const parts = ids.map((id) => stream.push(id));
      t.equal(parts.join("") + stream.end(), tokenizer.decode(ids), `stream ${ids.join(" ")}`);
    }
  });

  t.test(`${kind}: bytes(id) joined are the text`, async (t) => {
    const tokenizer = await load();
    const random = new Random(12);
    for (let i = 0; i < 50; i++) {
      const text = randomText(random);
      const ids = tokenizer.encode(text, { parseSpecial: false });
      const joined = Buffer.concat(ids.map((id) => tokenizer.bytes(id))).toString();
      // Vocabularies that write spaces as "▁" put one in front, which decode leaves out.
      t.equal(kind.startsWith("byte") ? joined : joined.slice(1), tokenizer.decode(ids), label(text));
      const exact = ids.map((id, at) => tokenizer.bytes(id, at === 0));
      t.equal(Buffer.concat(exact).toString(), tokenizer.decode(ids), `from its start: ${label(text)}`);
    }
    for (const id of tokenizer.specialIds)
      t.equal(tokenizer.bytes(id).length, 0, `special ${id} has no bytes`);
    tokenizer.bytes(50).fill(0);
    t.not(tokenizer.bytes(50)[0], 0, "the caller gets a copy");
  });
}

t.test("tokenizer.json decodes as Hugging Face's library does", async (t) => {
  for (const folder of ["byte-level", "llama-fast"]) {
    const tokenizer = await loadTokenizer(goldenPath("tokenizer", folder));
    const oracle = new HuggingFaceTokenizer(readJson("tokenizer", folder, "tokenizer.json"), {});
    const options = { skip_special_tokens: true, clean_up_tokenization_spaces: false };
    const random = new Random(13);
    for (let i = 0; i < 300; i++) {
      // With byte fallback the two agree on valid text only: the library does not give one U+FFFD a byte.
      const ids =
        folder === "byte-level"
          ? Array.from({ length: 1 + random.below(20) }, () => random.below(tokenizer.vocabSize))
          : tokenizer.encode(randomText(random).replaceAll("\ufeff", ""));
      t.equal(tokenizer.decode(ids), oracle.decode(ids, options), `${folder} ${ids.join(" ")}`);
    }
  }
});

t.test("UTF-8: whole characters at once, the rest later or as U+FFFD", (t) => {
  const decode = (policy: "each-byte" | "maximal-prefix", ...pushes: number[][]) => {
    const decoder = new Utf8Decoder(policy);
    return [...pushes.map((bytes) => decoder.push(Uint8Array.from(bytes))), decoder.end()];
  };
  t.same(decode("each-byte", [0xf0], [0x9f, 0x90], [0x9d]), ["", "", "🐝", ""]);
  t.same(decode("each-byte", [0xf0, 0x9f, 0x90]), ["", "\ufffd\ufffd\ufffd"]);
  t.same(decode("maximal-prefix", [0xf0, 0x9f, 0x90]), ["", "\ufffd"]);
  t.same(
    decode("each-byte", [0xe2, 0x82], [0x41]),
    ["", "\ufffd\ufffdA", ""],
    "a broken run is not held longer",
  );
  t.same(decode("each-byte", [0xc0, 0xaf]), ["\ufffd\ufffd", ""], "overlong");
  t.same(decode("each-byte", [0xed, 0xa0, 0x80]), ["\ufffd\ufffd\ufffd", ""], "a surrogate");
  t.same(decode("each-byte", [0xf4, 0x90, 0x80, 0x80]), ["\ufffd".repeat(4), ""], "beyond U+10FFFF");
  t.same(decode("each-byte", [0xef, 0xbb, 0xbf]), ["\ufeff", ""], "a byte order mark stays");
  t.end();
});

t.test("UTF-8: random bytes in random pieces decode as TextDecoder decodes them at once", (t) => {
  const random = new Random(14);
  const pool = [0x41, 0x80, 0x8f, 0x90, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff];
  for (let i = 0; i < 500; i++) {
    const bytes = Uint8Array.from({ length: random.below(24) }, () => random.pick(pool));
    const decoder = new Utf8Decoder("maximal-prefix");
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(4);
      text += decoder.push(bytes.subarray(at, at + size));
      at += size;
    }
    const expected = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    t.equal(text + decoder.end(), expected, Buffer.from(bytes).toString("hex"));
  }
  t.end();
});
