import { HoneybeeError } from "../errors.js";
import { callNative, native } from "../native.js";
import { checkWarp, type GenerationOptions } from "./options.js";

/**
 * The logits that a token is drawn from: after bias, penalties, temperature, top-k, top-p and min-p, in the order of
 * Hugging Face's generate. What is ruled out is -Infinity. Temperature 0 leaves the last four out.
 *
 * @param logits [V], left as they are
 * @param history ids that the penalties and the n-gram rule look at
 * @throws HoneybeeError ERR_OPTION
 */
export function warpLogits(
  logits: Float32Array,
  history: ArrayLike<number>,
  options: GenerationOptions = {},
): Float32Array {
  if (!(logits instanceof Float32Array))
    throw new HoneybeeError("ERR_OPTION", "logits must be a Float32Array");
  const sampling = checkWarp(options);
  return callNative(() => native.warpLogits(logits.slice(), Int32Array.from(history), sampling));
}
