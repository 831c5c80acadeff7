import { IMAGE_TAG, stripPython } from "./text.js";

/** A question and its answer in the official demo; the answer is null while it is awaited. */
export interface DemoTurn {
  user: string;
  image: boolean;
  assistant: string | null;
}

/** The demo's own system line, not one that the model was trained with. */
const DEMO_SYSTEM =
  "The following is a conversation between a curious human and AI. " +
  "The AI gives helpful, detailed, and polite answers to the human's questions.";

/**
 * Renders the prompt of the official demo, flaws included: in a text of several lines the image splits off the last
 * one. For comparison with that demo; conversations of our own are rendered by `renderChat`.
 */
export function renderDemoPrompt(turns: readonly DemoTurn[]): string {
  const parts = [DEMO_SYSTEM];
  for (const { user, image, assistant } of turns) {
    const text = image && !user.includes(IMAGE_TAG) ? `${user}\n${IMAGE_TAG}` : user;
    parts.push(`Human: ${text}`, assistant === null ? "AI:" : `AI: ${assistant}`);
  }
  const lines = parts.join("\n").replaceAll(`\n${IMAGE_TAG}`, IMAGE_TAG).split("\n");
  const separated = lines.flatMap((line) =>
    line.includes(IMAGE_TAG) ? [`Human: ${IMAGE_TAG}`, line.replaceAll(IMAGE_TAG, "")] : [line],
  );
  return `${separated.join("\n")} `;
}

/** Special tokens of several tokenizers, in the order in which the demo deletes them. */
const SPECIAL_TEXTS = [
  "<unk>",
  "<pad>",
  "<s>",
  "</s>",
  "[PAD]",
  "<|endoftext|>",
  "[UNK]",
  "[CLS]",
  "[MASK]",
  "<|startofpiece|>",
  "<|endofpiece|>",
  "[gMASK]",
  "[sMASK]",
];

/** What the demo shows of a generated text: without special tokens and surrounding whitespace. */
export function cleanDemoOutput(text: string): string {
  let cleaned = stripPython(text);
  for (const special of SPECIAL_TEXTS) cleaned = cleaned.replaceAll(special, "");
  return stripPython(cleaned);
}

/** Undoes escaped underscores in closed code blocks, which the demo does last. */
export function unescapeDemoCode(text: string): string {
  return text.replace(/\n```[\s\S]*?\n```/g, (block) => block.replaceAll("\\_", "_"));
}
