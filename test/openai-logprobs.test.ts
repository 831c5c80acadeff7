// Tokens as OpenAI's APIs tell them: their bytes join to the answer, their offsets point into it.
import t from "tap";
import { loadTokenizer, type TokenLogprob } from "../lib/index.js";
import { LogprobTeller } from "../lib/openai/logprobs.js";
import { goldenPath } from "./support/paths.js";

const tokenizer = await loadTokenizer(goldenPath("models", "cabs-new"));
const TEXT = "the cat  sat on é 猫 🐝.\n<0x41> end";
const ids = tokenizer.encode(TEXT);
const told = (id: number): TokenLogprob => ({ token: id, logprob: -1, top: [{ token: id, logprob: -1 }] });
const tokens = ids.map(told);

t.test("chat", async (t) => {
  const content = new LogprobTeller(tokenizer).chat(tokens);
  t.equal(Buffer.from(content.flatMap(({ bytes }) => bytes)).toString(), TEXT);
  for (const { token, bytes, top_logprobs } of content)
    t.same(top_logprobs, [{ token, bytes, logprob: -1 }], "an alternative is told the same way");
  t.equal(content[0]!.token, "the", "the answer begins without the vocabulary's space");
  t.equal(content[1]!.token, " c", "and a word in the middle has its own");
  const one = new LogprobTeller(tokenizer);
  t.same(
    tokens.flatMap((token) => one.chat([token])),
    content,
    "told one by one",
  );
});

t.test("completions", async (t) => {
  const { tokens: texts, text_offset: offsets } = new LogprobTeller(tokenizer).completion(tokens);
  for (const [i, text] of texts.entries())
    if (!text.includes("\ufffd")) t.ok(TEXT.startsWith(text, offsets[i]), `${JSON.stringify(text)} is there`);
  const bytesOf = (char: string) =>
    [...Buffer.from(char)].map(
      (byte) => tokenizer.id(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`)!,
    );
  const bee = new LogprobTeller(tokenizer).completion([...tokenizer.encode("a"), ...bytesOf("🐝")].map(told));
  t.same(bee.text_offset, [0, 1, 1, 1, 1], "the bytes of a character are where it is");
});

t.test("alternatives that look alike, and tokens without text", async (t) => {
  const [first, second] = tokenizer.encode("猫").slice(-2);
  const end = tokenizer.eosId!;
  const top = [
    { token: end, logprob: -0.1 },
    { token: first!, logprob: -1 },
    { token: second!, logprob: -2 },
  ];
  const teller = new LogprobTeller(tokenizer);
  const { top_logprobs, tokens, text_offset } = teller.completion([
    { token: end, logprob: -0.1, top },
    ...tokenizer.encode("the").map(told),
  ]);
  t.same(top_logprobs[0], { "</s>": -0.1, "\ufffd": -1 }, "the likeliest of those that look alike");
  t.same(
    [tokens, text_offset],
    [
      ["</s>", "the"],
      [0, 0],
    ],
    "an end token is named, and adds nothing",
  );
});
