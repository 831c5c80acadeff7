import { HoneybeeError } from "../errors.js";
import type { TokenStream } from "./types.js";
import { type InvalidUtf8, Utf8Decoder } from "./utf8.js";

/** What one id stands for. */
export interface Token {
  /** The vocabulary's own spelling: "▁the", "<0x0A>", "Ġthe". */
  readonly piece: string;
  /** Bytes of the text it adds. */
  readonly bytes: Uint8Array;
  /** Left out of decoded text. */
  readonly special: boolean;
  /** A byte of the byte fallback rather than text. */
  readonly isByte: boolean;
}

/** How a vocabulary joins its tokens into text. */
export interface DecodeRule {
  readonly invalidUtf8: InvalidUtf8;
  /**
   * Which one leading space of the whole text is dropped: none, only one that comes from a text token
   * (SentencePiece), or any.
   */
  readonly stripLeadingSpace: "never" | "from-text" | "always";
}

const SPACE = 0x20;
const NO_BYTES = new Uint8Array(0);

/** Ids, their pieces and bytes, and the one decoder that both `decode` and `stream` use. */
export class Vocabulary {
  readonly specialIds: readonly number[];
  private readonly ids = new Map<string, number>();

  /** @param tokens indexed by id; holes are ids without a token */
  constructor(
    readonly tokens: readonly (Token | undefined)[],
    private readonly rule: DecodeRule,
  ) {
    const specialIds: number[] = [];
    for (const [id, token] of tokens.entries()) {
      if (token === undefined) continue;
      this.ids.set(token.piece, id);
      if (token.special) specialIds.push(id);
    }
    this.specialIds = Object.freeze(specialIds);
  }

  get size(): number {
    return this.tokens.length;
  }

  id(piece: string): number | undefined {
    return this.ids.get(piece);
  }

  bytes(id: number, atStart = false): Uint8Array {
    const token = this.token(id);
    if (token === undefined || token.special) return NO_BYTES;
    return atStart ? this.bytesAtStart(token) : token.bytes.slice();
  }

  pieces(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => this.token(id)?.piece ?? "");
  }

  decode(ids: Iterable<number>): string {
    const stream = this.stream();
    let text = "";
    for (const id of ids) text += stream.push(id);
    return text + stream.end();
  }

  stream(): TokenStream {
    const decoder = new Utf8Decoder(this.rule.invalidUtf8);
    let atStart = true;
    return {
      push: (id) => {
        const token = this.token(id);
        if (token === undefined || token.special || token.bytes.length === 0) return "";
        const bytes = atStart ? this.bytesAtStart(token) : token.bytes;
        atStart = false;
        return decoder.push(bytes);
      },
      end: () => {
        atStart = true;
        return decoder.end();
      },
    };
  }

  /** A copy. */
  private bytesAtStart({ bytes, isByte }: Token): Uint8Array {
    const when = this.rule.stripLeadingSpace;
    const strips = when === "always" || (when === "from-text" && !isByte);
    return bytes.slice(strips && bytes[0] === SPACE ? 1 : 0);
  }

  private token(id: number): Token | undefined {
    if (!Number.isInteger(id) || id < 0) {
      throw new HoneybeeError("ERR_OPTION", `token id ${id} is not a non-negative integer`);
    }
    return this.tokens[id];
  }
}
