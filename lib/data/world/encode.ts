import { encodePrompt, IGNORED_LABEL } from "../../prompt/index.js";
import type { Tokenizer } from "../../tokenizer/index.js";
import type { Sample } from "./scene.js";

/** A sample with its ids and answers; see `Sample`. */
export function encodeSample(sample: Sample, tokenizer: Tokenizer): Sample {
  const { ids, labels } = encodePrompt(tokenizer, sample.text, { visualTokens: 1, inference: false });
  const answers: [from: number, to: number][] = [];
  for (const [at, label] of labels.entries()) {
    if (label === IGNORED_LABEL) continue;
    const last = answers.at(-1);
    if (last?.[1] === at) last[1] = at + 1;
    else answers.push([at, at + 1]);
  }
  return { ...sample, ids, answers };
}
