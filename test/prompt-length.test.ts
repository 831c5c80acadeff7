// A text is refused unread only if it is too long for certain.
import t from "tap";
import { loadTokenizer } from "../lib/index.js";
import { checkTextLength } from "../lib/model/prompt-length.js";
import { Random } from "./support/mutate.js";
import { goldenPath } from "./support/paths.js";
import { randomText } from "./support/random-text.js";

const LONG = 2 ** 16;

for (const name of ["small.model", "llama-fast", "byte-level"]) {
  t.test(name, async (t) => {
    const tokenizer = await loadTokenizer(goldenPath("tokenizer", name));
    const random = new Random(7);
    const pieces = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.decode([id]));
    const longest = pieces.reduce((a, b) => (b.length > a.length ? b : a));
    const texts = Array.from({ length: 10 }, () => randomText(random)).filter((text) => text !== "");
    for (const text of [longest, " ", "é", "<image>", "\u{1f41d}", ...texts]) {
      const long = text.repeat(Math.ceil(LONG / text.length));
      const { length } = tokenizer.encode(long);
      t.doesNotThrow(() => checkTextLength(tokenizer, long, length + 1), JSON.stringify(text.slice(0, 20)));
    }
    const long = "word ".repeat(2e6);
    t.throws(() => checkTextLength(tokenizer, long, 4096), {
      code: "ERR_CONTEXT_LENGTH",
      message: /at least \d+ tokens/,
    });
    t.doesNotThrow(
      () => checkTextLength(tokenizer, "word ".repeat(5000), 16),
      "short texts are counted exactly",
    );
  });
}
