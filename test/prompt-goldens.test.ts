import { readdirSync } from "node:fs";
import { join } from "node:path";
import llama from "llama-tokenizer-js";
import t, { type Test } from "tap";
import {
  boxText,
  cleanDemoOutput,
  type DemoTurn,
  encodeLlava,
  encodePrompt,
  optionAnswer,
  optionText,
  padBatch,
  parseScienceAnswer,
  parseScienceQuestion,
  renderDemoPrompt,
  renderLlavaDialogue,
  renderShareGptDialogue,
  renderTemplate,
  type ScienceQuestion,
  type TemplateFields,
  type Utterance,
  unescapeDemoCode,
  vsrQuestion,
} from "../lib/prompt/index.js";
import { EMPTY_CONFIG } from "../lib/tokenizer/config.js";
import { loadTokenizer, type Tokenizer } from "../lib/tokenizer/index.js";
import { SentencePieceTokenizer } from "../lib/tokenizer/sentencepiece.js";
import { parseSentencePieceModel } from "../lib/tokenizer/sentencepiece-model.js";
import { readJson, readJsonl } from "./support/jsonl.js";
import { label } from "./support/label.js";
import { goldenPath } from "./support/paths.js";
import { llamaPieces, writeSentencePieceModel } from "./support/sentencepiece-file.js";

interface GoldenPrompt {
  name: string;
  rendered: string;
  num_visual_tokens: number;
  /** Not counting BOS. */
  max_length?: number;
  ids: number[];
  labels: number[];
  media_starts: number[];
  ids_inference?: number[];
  ids_legacy?: number[];
}

const small: Promise<Tokenizer> = loadTokenizer(goldenPath("tokenizer", "small.model"));

function checkTraining(t: Test, tokenizer: Tokenizer, golden: GoldenPrompt): void {
  const options = {
    visualTokens: golden.num_visual_tokens,
    maxLength: golden.max_length ?? 0,
    inference: false,
  };
  const { ids, labels, media_starts: mediaStarts } = golden;
  t.same(
    encodePrompt(tokenizer, golden.rendered, options),
    { ids, labels, mediaStarts },
    `${golden.name} in training`,
  );
  if (golden.ids_legacy === undefined) return;
  const legacy = encodePrompt(tokenizer, golden.rendered, {
    ...options,
    encoding: "legacy",
    inference: true,
  });
  t.same(legacy.ids, golden.ids_legacy, `${golden.name} legacy`);
}

function checkInference(t: Test, tokenizer: Tokenizer, golden: GoldenPrompt): void {
  const options = { visualTokens: golden.num_visual_tokens, maxLength: golden.max_length ?? 0 };
  const { ids, labels } = encodePrompt(tokenizer, golden.rendered, options);
  t.same(ids, golden.ids_inference ?? golden.ids, `${golden.name} for inference`);
  t.equal(labels.length, ids.length, `${golden.name} has a label for each id`);
}

for (const file of ["raw", "truncation"]) {
  t.test(`${file}.jsonl`, async (t) => {
    for (const golden of readJsonl<GoldenPrompt>("prompts", `${file}.jsonl`)) {
      checkTraining(t, await small, golden);
      checkInference(t, await small, golden);
    }
  });
}

t.test("templates.jsonl", async (t) => {
  interface Golden extends GoldenPrompt {
    dataset: string;
    pattern: number;
    fields: TemplateFields | TemplateFields[];
  }
  for (const golden of readJsonl<Golden>("prompts", "templates.jsonl")) {
    const options = { pattern: golden.pattern, image: !golden.name.endsWith("/text-only") };
    t.equal(renderTemplate(golden.dataset, golden.fields, options), golden.rendered, golden.name);
    checkTraining(t, await small, golden);
    checkInference(t, await small, golden);
  }
});

t.test("demo.jsonl and demo-output.jsonl", async (t) => {
  for (const golden of readJsonl<GoldenPrompt & { fields: { turns: DemoTurn[] } }>("prompts", "demo.jsonl")) {
    t.equal(renderDemoPrompt(golden.fields.turns), golden.rendered, golden.name);
    checkTraining(t, await small, golden);
  }
  interface Output {
    text: string;
    after_output: string;
    after_code: string;
  }
  for (const { text, after_output, after_code } of readJsonl<Output>("prompts", "demo-output.jsonl")) {
    t.equal(cleanDemoOutput(text), after_output, label(text));
    t.equal(unescapeDemoCode(after_output), after_code, `code of ${label(text)}`);
  }
});

t.test("dialogues.jsonl", async (t) => {
  interface Golden extends GoldenPrompt {
    fields: { conversations: Utterance[] };
  }
  for (const golden of readJsonl<Golden>("prompts", "dialogues.jsonl")) {
    const render = golden.name.startsWith("llava/") ? renderLlavaDialogue : renderShareGptDialogue;
    t.equal(render(golden.fields.conversations), golden.rendered, golden.name);
    checkTraining(t, await small, golden);
  }
});

t.test("batches.jsonl", async (t) => {
  interface Golden {
    name: string;
    prompts: string[];
    num_visual_tokens: number;
    padding_side: "left" | "right";
    no_eos?: boolean;
    max_length?: number;
    input_ids: number[][];
    attention_mask: number[][];
    labels: number[][];
    seq_length: number[];
  }
  const tokenizer = await small;
  for (const golden of readJsonl<Golden>("prompts", "batches.jsonl")) {
    const options = {
      visualTokens: golden.num_visual_tokens,
      maxLength: golden.max_length ?? 0,
      inference: golden.no_eos ?? false,
    };
    const rows = golden.prompts.map((prompt) => encodePrompt(tokenizer, prompt, options));
    const expected = {
      ids: golden.input_ids,
      mask: golden.attention_mask,
      labels: golden.labels,
      lengths: golden.seq_length,
    };
    t.same(padBatch(rows, golden.padding_side), expected, golden.name);
  }
});

t.test("llama-ids.jsonl", (t) => {
  const model = writeSentencePieceModel({ pieces: llamaPieces(llama.vocabById) });
  const tokenizer = new SentencePieceTokenizer(parseSentencePieceModel(model, "Llama"), EMPTY_CONFIG);
  for (const golden of readJsonl<GoldenPrompt>("prompts", "llama-ids.jsonl")) {
    const options = { visualTokens: golden.num_visual_tokens, inference: false };
    t.same(encodePrompt(tokenizer, golden.rendered, options).ids, golden.ids, golden.name);
    const legacy = encodePrompt(tokenizer, golden.rendered, { ...options, encoding: "legacy" });
    if (golden.ids_legacy) t.same(legacy.ids, golden.ids_legacy, `${golden.name} legacy`);
  }
  t.end();
});

t.test("vsr.jsonl, options.jsonl, bbox.jsonl", (t) => {
  for (const golden of readJsonl<{ caption: string; question_interro: string }>("prompts", "vsr.jsonl")) {
    t.equal(vsrQuestion(golden.caption), golden.question_interro, label(golden.caption));
  }
  interface Options {
    options: string[];
    answer_index: number;
    include_answer_str: boolean;
    style: "upper" | "lower" | "num";
    deco: "dot" | "paren" | "rparen";
    option: string;
    answer: string;
  }
  for (const golden of readJsonl<Options>("prompts", "options.jsonl")) {
    const { options, answer_index, include_answer_str, deco: decoration } = golden;
    const style = { index: golden.style === "num" ? "number" : golden.style, decoration } as const;
    t.equal(optionText(options, style), golden.option, label(golden.option));
    t.equal(
      optionAnswer(options, answer_index, style, include_answer_str),
      golden.answer,
      label(golden.answer),
    );
  }
  type Box = Record<"x" | "y" | "w" | "h" | "W" | "H", number> & { bbox3: string; bbox2: string };
  for (const { x, y, w, h, W, H, bbox3, bbox2 } of readJsonl<Box>("prompts", "bbox.jsonl")) {
    const box = { x, y, width: w, height: h };
    t.equal(boxText(box, { width: W, height: H }), bbox3, bbox3);
    t.equal(boxText(box, { width: W, height: H }, 2), bbox2, bbox2);
  }
  t.end();
});

t.test("scienceqa-parse.jsonl", (t) => {
  interface Golden {
    question: string;
    answer: string;
    parsed_question: ScienceQuestion;
    parsed_answer: { lecture: string | null; solution: string | null; answer: string; answer_index: number };
  }
  for (const golden of readJsonl<Golden>("prompts", "scienceqa-parse.jsonl")) {
    t.same(parseScienceQuestion(golden.question), golden.parsed_question, label(golden.question));
    const { answer_index: answerIndex, ...rest } = golden.parsed_answer;
    t.same(parseScienceAnswer(golden.answer), { ...rest, answerIndex }, label(golden.answer));
  }
  t.end();
});

t.test("prompts of the golden models, with the tokenizer of each folder", async (t) => {
  interface Case {
    checkpoint: string;
    prompt?: string;
    prompt_ids?: number[];
    num_visual_tokens: number;
  }
  let checked = 0;
  for (const folder of readdirSync(goldenPath("models"))) {
    for (const file of readdirSync(goldenPath("models", folder)).filter((name) =>
      /^case.*\.json$/.test(name),
    )) {
      const { checkpoint, prompt, prompt_ids, num_visual_tokens } = readJson<Case>("models", folder, file);
      if (prompt === undefined || prompt_ids === undefined) continue;
      const tokenizer = await loadTokenizer(join(goldenPath("models", folder), checkpoint));
      const encoded =
        folder === "llava"
          ? encodeLlava(tokenizer, prompt, num_visual_tokens)
          : encodePrompt(tokenizer, prompt, { visualTokens: num_visual_tokens });
      t.same(encoded.ids, prompt_ids, `${folder}/${file}`);
      checked++;
    }
  }
  t.equal(checked, 17, "cases with a prompt");
});
