import { HoneybeeError } from "../errors.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { IMAGE_TAG } from "./text.js";

/** The id at every position that a visual token will take. */
export const IMAGE_ID = -1;
/** The label of positions that do not count in the training loss. */
export const IGNORED_LABEL = -100;

/** A prompt as ids. */
export interface EncodedPrompt {
  /** Token ids, -1 at visual positions. */
  ids: number[];
  /** The id where training learns it, -100 elsewhere; as long as `ids`. */
  labels: number[];
  /** Where each run of visual positions begins; images that touch share a run. */
  mediaStarts: number[];
}

export interface EncodePromptOptions {
  /** Rows that each image takes: the projector's visual tokens, eos rows included. */
  visualTokens: number;
  /** "head" (default) is the released code's and the training encoding; "legacy" that of December 2023. */
  encoding?: "head" | "legacy";
  /** Leave out an EOS at the very end, so that generation can go on. Default true. */
  inference?: boolean;
  /** Most ids, BOS not counted; 0 or nothing is no limit. */
  maxLength?: number;
}

/** What begins an image caption of the first training stage, which has neither system line nor roles. */
const CAPTION_PREFIX = `[NO_PROMPT] ${IMAGE_TAG} `;
const ANSWER_DELIMITER = "\nAI: ";
const DELIMITERS = /(<image>|\nAI: |\nHuman: )/;

/**
 * Encodes a Honeybee prompt (Honeybee reference code, multimodal tokeniser). The text is cut at images and role
 * delimiters and each part is encoded on its own, so each begins with its own "▁"; an answer ends with EOS.
 *
 * @throws HoneybeeError ERR_OPTION for options out of range, ERR_TOKENIZER if the vocabulary has no BOS or EOS
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  prompt: string,
  options: EncodePromptOptions,
): EncodedPrompt {
  const { visualTokens, encoding = "head", inference = true, maxLength } = options;
  checkCount("visualTokens", visualTokens);
  if (maxLength !== undefined) checkCount("maxLength", maxLength);
  if (encoding !== "head" && encoding !== "legacy") {
    throw new HoneybeeError(
      "ERR_OPTION",
      `encoding must be "head" or "legacy", not ${JSON.stringify(encoding)}`,
    );
  }
  const limit = maxLength ? maxLength + 1 : Number.POSITIVE_INFINITY;
  const sequence = new Sequence(tokenizer, visualTokens, limit);
  if (encoding === "legacy") encodeLegacy(sequence, prompt);
  else if (prompt.startsWith(CAPTION_PREFIX)) encodeCaption(sequence, prompt);
  else encodeConversation(sequence, prompt);
  // The legacy encoding puts no EOS at the end, so one that is there belongs to the text.
  return sequence.finish(inference && encoding === "head");
}

function encodeConversation(sequence: Sequence, prompt: string): void {
  let isAnswer = false;
  for (const chunk of prompt.split(DELIMITERS)) {
    if (chunk === "") continue;
    if (sequence.isFull) return;
    if (chunk !== IMAGE_TAG) sequence.addText(chunk, isAnswer);
    else if (!sequence.addImage()) return;
    // Whatever follows the delimiter counts as the answer, even another delimiter.
    isAnswer = chunk === ANSWER_DELIMITER;
  }
}

function encodeCaption(sequence: Sequence, prompt: string): void {
  // Here an image that does not fit is cut rather than left out.
  sequence.addImage({ whole: false });
  sequence.addText(prompt.replaceAll(CAPTION_PREFIX, ""), true);
}

function encodeLegacy(sequence: Sequence, prompt: string): void {
  for (const [index, text] of prompt.split(IMAGE_TAG).entries()) {
    if (sequence.isFull || (index > 0 && !sequence.addImage())) return;
    if (text !== "" && !sequence.isFull) sequence.addText(text, false);
  }
}

/**
 * Encodes a prompt of LLaVA-1.5 as its processor does: BOS, and each text between images on its own.
 *
 * @param visualTokens rows that each image takes
 */
export function encodeLlava(tokenizer: Tokenizer, prompt: string, visualTokens: number): EncodedPrompt {
  checkCount("visualTokens", visualTokens);
  const ids = [specialId(tokenizer, "BOS", tokenizer.bosId)];
  for (const [index, text] of prompt.split(IMAGE_TAG).entries()) {
    if (index > 0) for (let i = 0; i < visualTokens; i++) ids.push(IMAGE_ID);
    for (const id of tokenizer.encode(text)) ids.push(id);
  }
  return withoutLabels(ids);
}

/**
 * Encodes a text for a text-only model as its tokenizer says.
 *
 * @param addSpecial whether to add what the tokenizer's configuration adds, such as BOS (default true); false for the
 *   output of a chat template, which spells BOS out
 */
export function encodeRaw(tokenizer: Tokenizer, text: string, { addSpecial = true } = {}): EncodedPrompt {
  return withoutLabels(tokenizer.encode(text, { addSpecial }));
}

/** Ids and labels under construction. */
class Sequence {
  private readonly ids: number[];
  private readonly labels: number[] = [IGNORED_LABEL];
  private readonly eosId: number;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly visualTokens: number,
    private readonly limit: number,
  ) {
    this.ids = [specialId(tokenizer, "BOS", tokenizer.bosId)];
    this.eosId = specialId(tokenizer, "EOS", tokenizer.eosId);
  }

  get isFull(): boolean {
    return this.ids.length >= this.limit;
  }

  /** Adds the visual positions of one image; false, and nothing added, if they do not all fit (unless not `whole`). */
  addImage({ whole = true } = {}): boolean {
    if (whole && this.ids.length + this.visualTokens > this.limit) return false;
    for (let i = 0; i < this.visualTokens; i++) this.add(IMAGE_ID, false);
    return true;
  }

  /** Adds a text; an answer is followed by EOS and learnt in training. */
  addText(text: string, isAnswer: boolean): void {
    for (const id of this.tokenizer.encodeChunk(text)) this.add(id, isAnswer);
    if (isAnswer) this.add(this.eosId, true);
  }

  finish(dropLastEos: boolean): EncodedPrompt {
    const { ids, labels, limit } = this;
    if (ids.length > limit) ids.length = labels.length = limit;
    if (dropLastEos && ids.at(-1) === this.eosId) {
      ids.pop();
      labels.pop();
    }
    return { ids, labels, mediaStarts: runStarts(ids) };
  }

  private add(id: number, isLearnt: boolean): void {
    this.ids.push(id);
    this.labels.push(isLearnt ? id : IGNORED_LABEL);
  }
}

function withoutLabels(ids: number[]): EncodedPrompt {
  return { ids, labels: new Array<number>(ids.length).fill(IGNORED_LABEL), mediaStarts: runStarts(ids) };
}

function runStarts(ids: readonly number[]): number[] {
  const starts: number[] = [];
  for (const [i, id] of ids.entries()) if (id === IMAGE_ID && ids[i - 1] !== IMAGE_ID) starts.push(i);
  return starts;
}

function specialId(tokenizer: Tokenizer, name: string, id: number | undefined): number {
  if (id !== undefined) return id;
  const message = `the tokenizer (${tokenizer.vocabSize} ids) has no ${name} token, which prompts need`;
  throw new HoneybeeError("ERR_TOKENIZER", `${message}; give a Llama tokenizer with the tokenizer option`);
}

function checkCount(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return;
  throw new HoneybeeError("ERR_OPTION", `${name} must be a non-negative integer, not ${String(value)}`);
}
