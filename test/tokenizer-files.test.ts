import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { HoneybeeError } from "../lib/errors.js";
import { byteTokenizer, checkVocabulary, loadTokenizer } from "../lib/tokenizer/index.js";
import { PieceType } from "../lib/tokenizer/sentencepiece-model.js";
import { readJson } from "./support/jsonl.js";
import { MUTATIONS, mutateBytes, Random } from "./support/mutate.js";
import { goldenPath } from "./support/paths.js";
import { llamaBasePieces, writeSentencePieceModel } from "./support/sentencepiece-file.js";

const smallModel = readFileSync(goldenPath("tokenizer", "small.model"));

async function rejectsWith(t: Test, promise: Promise<unknown>, message: RegExp, name: string): Promise<void> {
  await t.rejects(promise, { name: "HoneybeeError", code: "ERR_TOKENIZER", message }, name);
}

t.test("a folder: tokenizer.model first, configuration beside it obeyed", async (t) => {
  const llava = await loadTokenizer(goldenPath("models", "llava"));
  t.equal(llava.vocabSize, 514, "512 pieces and two added tokens");
  t.same([llava.bosId, llava.eosId, llava.unkId, llava.padId], [1, 2, 0, 513]);
  t.equal(llava.id("<image>"), 512);
  t.same(llava.specialIds, [0, 1, 2, 512, 513]);
  t.equal(llava.decode([512, 513]), "", "added special tokens do not show");
  t.same(llava.encode("<image>"), [512]);
  t.same(llava.encode("", { addSpecial: true }), [1], "add_bos_token");
  t.equal(llava.chatTemplate, undefined);

  const folder = t.testdir({
    "tokenizer.json": JSON.stringify(readJson("tokenizer", "llama-fast", "tokenizer.json")),
  });
  t.equal((await loadTokenizer(folder)).vocabSize, 1000, "tokenizer.json alone");
  copyFileSync(join(goldenPath("models", "linear"), "tokenizer.model"), join(folder, "tokenizer.model"));
  t.equal((await loadTokenizer(folder)).vocabSize, 512, "tokenizer.model is preferred");
});

t.test("tokenizer_config.json", async (t) => {
  const file = (config: object) => {
    const folder = t.testdir({ "tokenizer_config.json": JSON.stringify(config) });
    writeFileSync(join(folder, "tokenizer.model"), smallModel);
    return loadTokenizer(folder);
  };
  const silent = await file({ add_bos_token: false, add_eos_token: true });
  t.same(silent.encode("<s>a", { addSpecial: true }), [1, 261, 2]);
  const modern = await file({ legacy: false });
  t.same(modern.encode("<s>a", { addSpecial: true }), [1, 1, 838], "legacy: false puts no prefix behind <s>");
  const added = {
    "1003": { content: "<|im-end|>", special: true },
    "1001": { content: "<b>", special: false },
  };
  const chat = await file({
    added_tokens_decoder: added,
    eos_token: { content: "<|im-end|>" },
    chat_template: [
      { name: "tool_use", template: "tools" },
      { name: "default", template: "plain" },
    ],
  });
  t.equal(chat.vocabSize, 1004);
  t.equal(chat.eosId, 1003, "the configured name wins");
  t.equal(chat.chatTemplate, "plain");
  t.equal(chat.decode([1001, 1002, 1003]), "<b>", "not special, absent, special");
  t.same(chat.pieces([1001, 1002]), ["<b>", ""]);
  t.same(chat.encode("a<|im-end|>"), [261, 1003]);
  const jinja = t.testdir({ "chat_template.jinja": "from a file" });
  writeFileSync(join(jinja, "tokenizer.model"), smallModel);
  t.equal((await loadTokenizer(jinja)).chatTemplate, "from a file");
});

t.test("tokenizer.json beside its configuration", async (t) => {
  const json = readJson<Record<string, unknown>>("tokenizer", "llama-fast", "tokenizer.json");
  const bos = { id: "<s>", ids: [1], tokens: ["<s>"] };
  const post_processor = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
    pair: [],
    special_tokens: { "<s>": bos },
  };
  const folder = t.testdir({
    "tokenizer.json": JSON.stringify({ ...json, post_processor }),
    "tokenizer_config.json": JSON.stringify({ pad_token: "</s>" }),
  });
  const tokenizer = await loadTokenizer(folder);
  t.same(tokenizer.encode("a"), [261], "nothing is added by default");
  t.same(tokenizer.encode("a", { addSpecial: true }), [1, 261], "BOS as the post-processor says");
  t.equal(tokenizer.padId, 2);
});

t.test("the byte tokenizer fits any vocabulary of 259 ids or more", (t) => {
  const tokenizer = byteTokenizer(259);
  t.same(tokenizer.encode("A\n"), [68, 13], "Llama's ids of bytes");
  t.same(tokenizer.encode("<s>A", { addSpecial: true }), [1, 1, 68]);
  t.same(tokenizer.encode("<s>", { parseSpecial: false }), [63, 118, 65]);
  t.equal(byteTokenizer(32000).decode([68, 31999, 2]), "A [31999]");
  t.equal(byteTokenizer(32000).vocabSize, 32000);
  t.throws(() => byteTokenizer(258), { code: "ERR_TOKENIZER", message: /at least 259 ids, not 258/ });
  t.end();
});

t.test("checkVocabulary takes a padded vocabulary, not another one", (t) => {
  for (const [ids, rows] of [
    [32000, 32000],
    [32002, 32064],
    [514, 576],
    [100015, 102400],
  ] as const) {
    t.doesNotThrow(() => checkVocabulary(byteTokenizer(ids), rows), `${ids} of ${rows}`);
  }
  for (const [ids, rows] of [
    [32000, 31999],
    [512, 640],
    [32000, 128256],
    [640, 512],
  ] as const) {
    const message = new RegExp(`${ids} ids but the model has ${rows}`);
    t.throws(
      () => checkVocabulary(byteTokenizer(ids), rows),
      { code: "ERR_TOKENIZER", message },
      `${ids} of ${rows}`,
    );
  }
  t.end();
});

t.test("what is wrong with a file is said", async (t) => {
  const folder = t.testdir({
    empty: "",
    text: "no tokenizer",
    "broken.json": '{"model": ',
    "list.json": '{"model":[]}',
  });
  await rejectsWith(
    t,
    loadTokenizer(join(folder, "none")),
    /none does not exist.*tokenizer option/,
    "missing",
  );
  await rejectsWith(
    t,
    loadTokenizer(folder),
    /neither tokenizer\.model nor tokenizer\.json/,
    "an empty folder",
  );
  await rejectsWith(t, loadTokenizer(join(folder, "empty")), /empty is empty/, "empty");
  await rejectsWith(
    t,
    loadTokenizer(join(folder, "text")),
    /text is no readable SentencePiece model/,
    "text",
  );
  await rejectsWith(t, loadTokenizer(join(folder, "broken.json")), /broken\.json is no JSON/, "broken JSON");
  await rejectsWith(
    t,
    loadTokenizer(join(folder, "list.json")),
    /model is missing; expected BPE/,
    "no model",
  );
  await t.rejects(loadTokenizer(""), { code: "ERR_OPTION" });

  const load = (contents: Buffer | string) => {
    const path = join(folder, "tokenizer.model");
    writeFileSync(path, contents);
    return loadTokenizer(path);
  };
  await rejectsWith(
    t,
    load(smallModel.subarray(0, 5000)),
    /runs past the end|ends within|cut off/,
    "truncated",
  );
  const pieces = llamaBasePieces();
  const model = (change: object) => load(writeSentencePieceModel({ pieces, ...change }));
  await rejectsWith(t, model({ modelType: 1 }), /kind is unigram, but Llama vocabularies are BPE/, "unigram");
  await rejectsWith(t, model({ modelType: 9 }), /kind is unknown \(9\)/, "unknown kind");
  await rejectsWith(t, model({ removeExtraWhitespaces: true }), /drops spaces/, "drops spaces");
  await rejectsWith(t, model({ pieces: [] }), /no pieces/, "no pieces");
  await rejectsWith(
    t,
    model({ pieces: pieces.slice(0, -1) }),
    /256 byte pieces, it has 255/,
    "a byte is missing",
  );
  await rejectsWith(t, model({ pieces: [...pieces, pieces[5]] }), /<0x02>.*there twice/, "a piece twice");
  await rejectsWith(
    t,
    model({ pieces: [...pieces, { text: "x", score: Number.NaN, type: 1 }] }),
    /score of piece 259/,
    "NaN",
  );
  await rejectsWith(
    t,
    model({ pieces: [...pieces, { text: "x", score: 0, type: 9 }] }),
    /unknown type 9/,
    "type",
  );
  await rejectsWith(
    t,
    model({ pieces: [...pieces, { text: "", score: 0, type: 1 }] }),
    /piece 259 is empty/,
    "no text",
  );
  const badByte = [...pieces, { text: "<0xG0>", score: 0, type: PieceType.byte }];
  await rejectsWith(t, model({ pieces: badByte }), /should spell a byte/, "no byte");
  await rejectsWith(t, model({ padId: 5 }), /piece 5 should be a control piece/, "pad is text");
  await rejectsWith(
    t,
    model({ pieces: [pieces[1], pieces[0], ...pieces.slice(2)] }),
    /unknown piece/,
    "no <unk>",
  );

  const json = readJson<Record<string, object>>("tokenizer", "llama-fast", "tokenizer.json");
  const changed = (change: object) => load(JSON.stringify({ ...json, ...change }));
  await rejectsWith(
    t,
    changed({ model: { ...json.model, type: "Unigram" } }),
    /its model is Unigram/,
    "Unigram",
  );
  await rejectsWith(
    t,
    changed({ model: { ...json.model, vocab: { a: 1e9 } } }),
    /token id 1000000000/,
    "absurd id",
  );
  await rejectsWith(
    t,
    changed({ model: { ...json.model, vocab: {} }, added_tokens: [] }),
    /is empty/,
    "no pieces",
  );
  await rejectsWith(t, changed({ model: { ...json.model, merges: [7] } }), /list of merges/, "merges");
  await rejectsWith(
    t,
    changed({ decoder: { type: "WordPiece" } }),
    /unsupported decoder.*WordPiece/,
    "decoder",
  );
  await rejectsWith(t, changed({ decoder: null }), /unsupported decoder: none/, "no decoder");
  await rejectsWith(
    t,
    changed({ normalizer: { type: "Nonsense" } }),
    /no usable tokenizer.*Nonsense/,
    "normalizer",
  );
  await rejectsWith(
    t,
    changed({ added_tokens: [{ id: 3, content: "" }] }),
    /added token 3 has no text/,
    "added",
  );
});

t.test("texts and ids that make no sense are refused", async (t) => {
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "small.model"));
  t.throws(() => tokenizer.encode(7 as unknown as string), {
    code: "ERR_OPTION",
    message: /must be a string, not number/,
  });
  t.throws(() => tokenizer.encode("x".repeat((1 << 22) + 1)), {
    code: "ERR_OPTION",
    message: /too long to tokenise/,
  });
  for (const id of [-1, 0.5, Number.NaN])
    t.throws(() => tokenizer.decode([id]), { code: "ERR_OPTION" }, `id ${id}`);
  t.equal(tokenizer.decode([1000, 4_000_000_000]), "", "ids of a padded vocabulary have no text");
  t.same(tokenizer.encode("\ud800"), tokenizer.encode("\ufffd"), "a lone surrogate is no character");
});

t.test("damaged files end in a HoneybeeError or in a tokenizer that works", async (t) => {
  const files = [smallModel, readFileSync(goldenPath("tokenizer", "llama-fast", "tokenizer.json"))];
  const path = join(t.testdir({}), "tokenizer.model");
  const random = new Random(21);
  let refused = 0;
  for (let i = 0; i < 240; i++) {
    const kind = MUTATIONS[i % MUTATIONS.length]!;
    writeFileSync(path, mutateBytes(files[i % files.length]!, random, kind));
    try {
      const tokenizer = await loadTokenizer(path);
      tokenizer.decode(tokenizer.encode("Human: what is this? \u{1f41d}</s>"));
      tokenizer.encodeChunk("a<s>b");
    } catch (error) {
      refused++;
      if (!(error instanceof HoneybeeError)) t.fail(`fault ${i} (${kind}): ${(error as Error).stack}`);
    }
  }
  t.ok(refused > 60 && refused < 240, `${refused} of 240 refused`);
});
