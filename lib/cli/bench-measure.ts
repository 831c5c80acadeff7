import { HoneybeeError } from "../errors.js";
import type { Model } from "../index.js";
import type { Tokenizer } from "../tokenizer/index.js";

/**
 * Tokens that the sequences which start first may generate beyond what is measured, so that they still decode when the
 * one that starts last is done.
 */
export const DECODE_SLACK = 64;

/** How often a decoding run may start over because its sequences came too far apart. */
const ATTEMPTS = 20;

/** Milliseconds from RGB bytes to the visual tokens of the last of `batch` images given at once. */
export async function encodeOnce(model: Model, size: number, batch: number): Promise<number> {
  const images = Array.from({ length: batch }, () => ({ ...noise(size), channels: 3 as const }));
  const begin = performance.now();
  await Promise.all(images.map((image) => model.encodeImage(image)));
  return performance.now() - begin;
}

/**
 * Milliseconds from the moment when the engine takes the first of `batch` prompts to the last of their first tokens.
 * Turning text into ids does not count.
 */
export async function prefillOnce(
  model: Model,
  prompts: Prompts,
  tokens: number,
  batch: number,
): Promise<number> {
  const texts = Array.from({ length: batch }, () => prompts.next(tokens));
  const starts = await Promise.all(
    texts.map(async (prompt) => {
      const { timings, usage } = await model.generate({ prompt, maxTokens: 1, ignoreEos: true }).result;
      return { firstTokenAt: performance.now(), timings, usage };
    }),
  );
  for (const { usage } of starts) {
    const computed = usage.promptTokens - usage.cachedTokens;
    if (computed !== tokens) throw new Error(`${computed} tokens were computed for a prompt of ${tokens}`);
  }
  const { firstTokenAt, timings } = starts[0]!;
  return Math.max(...starts.map((start) => start.firstTokenAt)) - firstTokenAt + timings.prefillMs;
}

/**
 * Milliseconds of `tokens` decoding steps in which all of `batch` sequences, of one prompt token each, take part: the
 * engine's own time between the first and the last token of the sequence that starts last. The engine starts them in the
 * order they come; the others go on until that one is done.
 *
 * @throws HoneybeeError ERR_DEVICE if they never decode together
 */
export async function decodeOnce(
  model: Model,
  prompts: Prompts,
  tokens: number,
  batch: number,
): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const ms = await decodeTogether(model, prompts.next(1), tokens, batch);
    if (ms !== undefined) return ms;
  }
  throw new HoneybeeError(
    "ERR_DEVICE",
    `${batch} sequences do not decode together: the first has generated ${tokens + DECODE_SLACK} tokens before the ` +
      `last has ${tokens}; choose a smaller --batch or more --memory`,
  );
}

/** Undefined if one that started earlier ended first: then not all steps had the whole batch. */
async function decodeTogether(
  model: Model,
  prompt: string,
  tokens: number,
  batch: number,
): Promise<number | undefined> {
  const last = batch - 1;
  const generations = Array.from({ length: batch }, (_, i) => {
    const maxTokens = tokens + 1 + (i < last ? DECODE_SLACK : 0);
    return model.generate({ prompt, maxTokens, ignoreEos: true });
  });
  const endedFirst = await Promise.race(generations.map(({ result }, i) => result.then(() => i)));
  const others = generations.filter((_, i) => i !== endedFirst);
  await Promise.all(others.map((generation) => generation.return()));
  await Promise.all(others.map(({ result }) => result));
  return endedFirst === last ? (await generations[last]!.result).timings.decodeMs : undefined;
}

/** Texts of a wanted number of tokens, no two alike, so that no prompt's beginning is known from an earlier one. */
export class Prompts {
  private readonly random = numbers(2);

  private constructor(
    private readonly tokenizer: Tokenizer,
    /** Tokens that the model adds to a text's own, such as BOS. */
    private readonly added: number,
  ) {}

  static async of(model: Model): Promise<Prompts> {
    const { usage } = await model.generate({ prompt: "a", maxTokens: 1 }).result;
    return new Prompts(model.tokenizer, usage.promptTokens - model.tokenizer.encode("a").length);
  }

  /** A text that makes a prompt of exactly so many tokens. */
  next(tokens: number): string {
    let text = "";
    for (let attempt = 0; attempt < 1000; attempt++) {
      const missing = tokens - this.added - this.tokenizer.encode(text).length;
      if (missing === 0) return text;
      text = missing > 0 ? text + this.letters(missing) : text.slice(0, missing);
    }
    throw new HoneybeeError("ERR_TOKENIZER", `found no text of ${tokens} tokens`);
  }

  private letters(count: number): string {
    return Array.from({ length: count }, () => (this.random() % 36).toString(36)).join("");
  }
}

const pixels = numbers(1);

/** Deterministic pixels, never the same twice: what was encoded before would cost nothing. */
function noise(size: number): { data: Uint8Array; width: number; height: number } {
  return { data: Uint8Array.from({ length: size * size * 3 }, pixels), width: size, height: size };
}

/** Bytes of a linear congruential generator (Numerical Recipes). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
}
