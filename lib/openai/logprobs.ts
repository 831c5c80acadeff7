import type { TokenLogprob } from "../model/generation.js";
import type { Tokenizer } from "../tokenizer/index.js";

/**
 * Tells the tokens of one answer, one after another, with their log-probabilities. A token is told as the bytes that it adds
 * to the answer, so that those of all tokens together are the answer's; some vocabularies drop a space where it begins.
 */
export class LogprobTeller {
  private readonly decoder;
  /** Characters of the answer that are certain. */
  private offset = 0;
  private atStart = true;

  constructor(private readonly tokenizer: Tokenizer) {
    this.decoder = tokenizer.stream();
  }

  /** As chat completions do. */
  chat(tokens: readonly TokenLogprob[]) {
    return tokens.map(({ token, logprob, top }) => {
      const named = (id: number, value: number) => ({
        token: this.textOf(id),
        logprob: value,
        bytes: [...this.bytesOf(id)],
      });
      const top_logprobs = top.map((other) => named(other.token, other.logprob));
      const told = { ...named(token, logprob), top_logprobs };
      this.advance(token);
      return told;
    });
  }

  /** As completions do: `text_offset` is where a token's text begins in the answer. */
  completion(tokens: readonly TokenLogprob[]) {
    const told = tokens.map(({ token, logprob, top }) => {
      const text = this.textOf(token);
      const likeliest = new Map<string, number>();
      // Incomplete characters look alike; the likeliest comes first.
      for (const { token: id, logprob: value } of top)
        if (!likeliest.has(this.textOf(id))) likeliest.set(this.textOf(id), value);
      const offset = this.offset;
      this.advance(token);
      return { text, logprob, top: Object.fromEntries(likeliest), offset };
    });
    return {
      tokens: told.map(({ text }) => text),
      token_logprobs: told.map(({ logprob }) => logprob),
      top_logprobs: told.map(({ top }) => top),
      text_offset: told.map(({ offset }) => offset),
    };
  }

  private bytesOf(id: number): Uint8Array {
    return this.tokenizer.bytes(id, this.atStart);
  }

  /** What adds no text, such as an end token, is told by its name. */
  private textOf(id: number): string {
    const isText = this.tokenizer.bytes(id).length > 0;
    return isText ? Buffer.from(this.bytesOf(id)).toString() : this.tokenizer.pieces([id])[0]!;
  }

  private advance(id: number): void {
    if (this.tokenizer.bytes(id).length > 0) this.atStart = false;
    this.offset += this.decoder.push(id).length;
  }
}
