import t from "tap";
import {
  boxText,
  type EncodePromptOptions,
  encodeLlava,
  encodePrompt,
  optionAnswer,
  optionText,
  padBatch,
  parseScienceAnswer,
  parseScienceQuestion,
  renderLlavaDialogue,
  renderTemplate,
  TEMPLATE_NAMES,
} from "../lib/prompt/index.js";
import { byteTokenizer, loadTokenizer } from "../lib/tokenizer/index.js";
import { goldenPath } from "./support/paths.js";

const option = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_OPTION", message });

t.test("encodePrompt checks its options", (t) => {
  const encode = (options: Partial<Record<keyof EncodePromptOptions, unknown>>) =>
    encodePrompt(byteTokenizer(300), "x", { visualTokens: 4, ...options } as EncodePromptOptions);
  t.throws(() => encode({ visualTokens: -1 }), option(/visualTokens must be a non-negative integer, not -1/));
  t.throws(() => encode({ visualTokens: undefined }), option(/visualTokens .* not undefined/));
  t.throws(() => encode({ maxLength: 0.5 }), option(/maxLength .* not 0\.5/));
  t.throws(() => encode({ encoding: "heads" }), option(/"head" or "legacy", not "heads"/));
  t.same(encode({ maxLength: 0 }).ids, encode({}).ids, "0 is no limit");
  t.throws(() => encodeLlava(byteTokenizer(300), "x", Number.NaN), option(/visualTokens/));
  t.end();
});

t.test("a vocabulary without BOS cannot encode prompts", async (t) => {
  const tokenizer = await loadTokenizer(goldenPath("tokenizer", "byte-level"));
  const expected = { code: "ERR_TOKENIZER", message: /1200 ids\) has no BOS/ };
  t.throws(() => encodePrompt(tokenizer, "x", { visualTokens: 4 }), expected);
});

t.test("renderTemplate", (t) => {
  t.throws(() => renderTemplate("toString", {}), option(/unknown template "toString"/));
  t.throws(() => renderTemplate("vqa", {}), option(/vqa needs the field "question"/));
  t.throws(
    () => renderTemplate("vqa", { question: 7 as unknown as string }),
    option(/"question" as a string/),
  );
  t.throws(
    () => renderTemplate("vqa", { question: "" }, { pattern: 1 }),
    option(/has 1 pattern, .* below 1, not 1/),
  );
  t.throws(() => renderTemplate("loc", { phrase: "" }, { pattern: 2 }), option(/has 2 patterns, .* not 2/));
  t.throws(() => renderTemplate("loc", { phrase: "x" }, { pattern: 1 }), option(/needs the field "bbox"/));
  t.throws(
    () => renderTemplate("blip", { caption: "x" }, { image: false }),
    option(/one turn with an image/),
  );
  t.match(
    renderTemplate("vqa", { question: "{answer} $& $1" }),
    /phrase\. \{answer\} \$& \$1\nAI: $/,
    "values are not templates",
  );
  t.ok(TEMPLATE_NAMES.includes("mmb") && TEMPLATE_NAMES.includes("okvqa"));
  t.end();
});

t.test("fields", (t) => {
  const box = { x: 1, y: 1, width: 1, height: 1 };
  t.throws(() => boxText(box, { width: 0, height: 1 }), option(/Infinity times the image's size/));
  t.throws(() => boxText({ ...box, x: Number.NaN }, { width: 9, height: 9 }), option(/NaN/));
  t.equal(
    boxText({ ...box, x: -0 }, { width: 2, height: 2 }, 0),
    "[-0,0,0,1]",
    "halves to even, and -0 keeps its sign",
  );
  const many = new Array<string>(27).fill("x");
  t.throws(() => optionText(many), option(/option 27 has no letter/));
  t.match(optionText(many, { index: "number" }), /\n27\. x$/);
  t.throws(() => optionAnswer(["a"], 1), option(/answer 1 is not one of the 1 options/));
  t.throws(() => parseScienceQuestion("What?"), option(/ScienceQA question .* found "What\?"/));
  t.throws(() => parseScienceAnswer("A."), option(/ScienceQA answer/));
  t.throws(() => renderLlavaDialogue([{ from: "bot", value: "x" }]), option(/unknown role "bot"/));
  t.throws(() => padBatch([], "middle" as "left"), option(/"left" or "right", not "middle"/));
  t.same(padBatch([], "left"), { ids: [], mask: [], labels: [], lengths: [] });
  t.end();
});
