import { HoneybeeError } from "../errors.js";
import type { Tokenizer } from "../tokenizer/index.js";

/** Texts below are encoded in milliseconds, and a refusal can tell their exact length. */
const SHORT = 2 ** 16;

/** UTF-16 units of the longest piece of each vocabulary that was asked for. */
const longestPieces = new WeakMap<Tokenizer, number>();

/**
 * Refuses a prompt that is too long whatever its tokens turn out to be, before they are computed: encoding megabytes of
 * text would hold up the event loop for seconds.
 *
 * @throws HoneybeeError ERR_CONTEXT_LENGTH
 */
export function checkTextLength(tokenizer: Tokenizer, text: string, context: number): void {
  if (text.length < SHORT) return;
  const least = Math.ceil(text.length / longestPiece(tokenizer));
  if (least < context) return;
  throw new HoneybeeError(
    "ERR_CONTEXT_LENGTH",
    `the prompt has ${text.length} characters, which are at least ${least} tokens; the context is ${context}`,
  );
}

function longestPiece(tokenizer: Tokenizer): number {
  const known = longestPieces.get(tokenizer);
  if (known !== undefined) return known;
  // An <image> is as many tokens as the model's images have, and at least one.
  let longest = "<image>".length;
  for (let id = 0; id < tokenizer.vocabSize; id++)
    longest = Math.max(longest, tokenizer.pieces([id])[0]?.length ?? 0);
  longestPieces.set(tokenizer, longest);
  return longest;
}
