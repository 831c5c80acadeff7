import { HoneybeeError } from "../errors.js";
import { type EncodedPrompt, IGNORED_LABEL } from "./encode.js";

/** Prompts of one batch as rows of equal length. */
export interface PaddedBatch {
  /** [rows, longest]; padding is `padId`. */
  ids: number[][];
  /** [rows, longest]; 1 at the row's own positions, 0 at padding. */
  mask: number[][];
  /** [rows, longest]; -100 at padding. */
  labels: number[][];
  /** Length of each row without padding. */
  lengths: number[];
}

/**
 * Pads prompts to the longest of them.
 *
 * @param side "left" for generation, so that every row ends where the next token goes; "right" for training
 * @param padId default 0: Llama vocabularies have no padding token and use the unknown one
 */
export function padBatch(prompts: readonly EncodedPrompt[], side: "left" | "right", padId = 0): PaddedBatch {
  if (side !== "left" && side !== "right") {
    throw new HoneybeeError(
      "ERR_OPTION",
      `padding side must be "left" or "right", not ${JSON.stringify(side)}`,
    );
  }
  const lengths = prompts.map(({ ids }) => ids.length);
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0);
  const pad = (row: readonly number[], value: number) => {
    const padding = new Array<number>(longest - row.length).fill(value);
    return side === "left" ? [...padding, ...row] : [...row, ...padding];
  };
  return {
    ids: prompts.map(({ ids }) => pad(ids, padId)),
    mask: lengths.map((length) => pad(new Array<number>(length).fill(1), 0)),
    labels: prompts.map(({ labels }) => pad(labels, IGNORED_LABEL)),
    lengths,
  };
}
