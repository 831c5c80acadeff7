import type { PromptLogprob, TokenLogprob } from "../model/generation.js";
import { IMAGE_TAG } from "../prompt/text.js";
import type { Tokenizer } from "../tokenizer/index.js";

/** The `logprobs` of a completion: null where there is none. */
export interface CompletionLogprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

const IMAGES = new RegExp(`(${IMAGE_TAG})+`);

/**
 * Tells the tokens of one answer, one after another, with their log-probabilities. A token is told as the bytes that it adds
 * to the answer, so that those of all tokens together are the answer's; some vocabularies drop a space where it begins.
 */
export class LogprobTeller {
  private decoder = new TextDecoder();
  /** Characters of the answer that are certain. */
  private offset = 0;
  private atStart = true;

  constructor(private readonly tokenizer: Tokenizer) {}

  /**
   * The prompt that a completion repeats, before its answer. Images that touch are one entry, without a log-probability
   * like the first token.
   *
   * @param text the prompt as it was given
   */
  prompt(tokens: readonly PromptLogprob[], text: string): CompletionLogprobs {
    const told = emptyLogprobs();
    for (const [i, entry] of tokens.entries()) {
      if (entry.token >= 0) {
        const whole = Buffer.from(this.tokenizer.bytes(entry.token)).toString();
        // A prompt is encoded in parts, each of which may begin with a space of its vocabulary's.
        this.atStart = !text.startsWith(whole, this.offset);
        this.tell(entry, told);
      } else if (tokens[i - 1]?.token !== entry.token) {
        const images = IMAGES.exec(text.slice(this.offset))?.[0] ?? IMAGE_TAG;
        push(told, images, null, null, this.offset);
        this.offset += images.length;
      }
    }
    this.offset = text.length;
    this.decoder = new TextDecoder();
    this.atStart = true;
    return told;
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
  completion(tokens: readonly TokenLogprob[]): CompletionLogprobs {
    const told = emptyLogprobs();
    for (const token of tokens) this.tell(token, told);
    return told;
  }

  private tell({ token, logprob, top }: TokenLogprob | PromptLogprob, told: CompletionLogprobs): void {
    const likeliest = new Map<string, number>();
    // Incomplete characters look alike; the likeliest comes first.
    for (const { token: id, logprob: value } of top)
      if (!likeliest.has(this.textOf(id))) likeliest.set(this.textOf(id), value);
    const alternatives = logprob === null ? null : Object.fromEntries(likeliest);
    push(told, this.textOf(token), logprob, alternatives, this.offset);
    this.advance(token);
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
    const bytes = this.bytesOf(id);
    if (this.tokenizer.bytes(id).length > 0) this.atStart = false;
    this.offset += this.decoder.decode(bytes, { stream: true }).length;
  }
}

/** Those of a text and of what follows it. */
export function joinLogprobs(first: CompletionLogprobs, then: CompletionLogprobs): CompletionLogprobs {
  return {
    tokens: [...first.tokens, ...then.tokens],
    token_logprobs: [...first.token_logprobs, ...then.token_logprobs],
    top_logprobs: [...first.top_logprobs, ...then.top_logprobs],
    text_offset: [...first.text_offset, ...then.text_offset],
  };
}

function emptyLogprobs(): CompletionLogprobs {
  return { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
}

function push(
  told: CompletionLogprobs,
  text: string,
  logprob: number | null,
  top: Record<string, number> | null,
  offset: number,
): void {
  told.tokens.push(text);
  told.token_logprobs.push(logprob);
  told.top_logprobs.push(top);
  told.text_offset.push(offset);
}
