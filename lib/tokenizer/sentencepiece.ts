import { BpeMerger } from "./bpe.js";
import type { SpecialRole, TokenizerConfig } from "./config.js";
import { type Piece, PieceType, type SentencePieceModel } from "./sentencepiece-model.js";
import { checkedText, type Segment, SpecialSplitter } from "./special.js";
import type { EncodeOptions, Tokenizer, TokenStream } from "./types.js";
import { type Token, Vocabulary } from "./vocabulary.js";

const SPACE_SYMBOL = "\u2581";

/** A Llama-style SentencePiece vocabulary with the token rules of transformers' slow LlamaTokenizer. */
export class SentencePieceTokenizer implements Tokenizer {
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly unkId: number | undefined;
  readonly padId: number | undefined;
  readonly chatTemplate: string | undefined;
  private readonly vocabulary: Vocabulary;
  private readonly merger: BpeMerger;
  private readonly special: SpecialSplitter;
  /** The id of each byte, where the vocabulary has byte fallback. */
  private readonly byteIds: Int32Array | undefined;

  constructor(
    private readonly model: SentencePieceModel,
    private readonly config: TokenizerConfig,
  ) {
    const tokens = tokenTable(model, config);
    this.vocabulary = new Vocabulary(tokens, {
      invalidUtf8: "each-byte",
      stripLeadingSpace: model.addDummyPrefix ? "from-text" : "never",
    });
    this.merger = new BpeMerger(model.pieces);
    this.special = new SpecialSplitter(specialTexts(model, config));
    this.byteIds = model.byteFallback ? byteIds(model.pieces) : undefined;
    const role = (name: SpecialRole, id: number) => {
      const configured = config.names[name];
      const configuredId = configured === undefined ? undefined : this.vocabulary.id(configured);
      return configuredId ?? (id >= 0 ? id : undefined);
    };
    this.bosId = role("bos", model.bosId);
    this.eosId = role("eos", model.eosId);
    this.unkId = role("unk", model.unkId);
    this.padId = role("pad", model.padId);
    this.chatTemplate = config.chatTemplate;
  }

  get vocabSize(): number {
    return this.vocabulary.size;
  }

  get specialIds(): readonly number[] {
    return this.vocabulary.specialIds;
  }

  encode(text: string, { parseSpecial = true, addSpecial = false }: EncodeOptions = {}): number[] {
    const checked = checkedText(text);
    const segments: Segment[] = parseSpecial
      ? this.special.split(checked)
      : checked === ""
        ? []
        : [{ text: checked }];
    if (!addSpecial) return this.encodeSegments(segments, true);
    const ids = this.encodeSegments(segments, this.config.legacy ?? true);
    if ((this.config.addBos ?? true) && this.bosId !== undefined) ids.unshift(this.bosId);
    if ((this.config.addEos ?? false) && this.eosId !== undefined) ids.push(this.eosId);
    return ids;
  }

  encodeChunk(text: string): number[] {
    return this.encodeSegments(this.special.split(checkedText(text)), false);
  }

  decode(ids: Iterable<number>): string {
    return this.vocabulary.decode(ids);
  }

  pieces(ids: Iterable<number>): string[] {
    return this.vocabulary.pieces(ids);
  }

  stream(): TokenStream {
    return this.vocabulary.stream();
  }

  id(piece: string): number | undefined {
    return this.vocabulary.id(piece);
  }

  bytes(id: number, atStart?: boolean): Uint8Array {
    return this.vocabulary.bytes(id, atStart);
  }

  /** @param prefixEach whether every text segment gets the "▁", or only one at the very start */
  private encodeSegments(segments: readonly Segment[], prefixEach: boolean): number[] {
    const ids: number[] = [];
    for (const [index, segment] of segments.entries()) {
      if (segment.special !== undefined) ids.push(segment.special);
      else this.encodeText(segment.text, prefixEach || index === 0, ids);
    }
    return ids;
  }

  private encodeText(text: string, prefix: boolean, ids: number[]): void {
    const dummyPrefix = prefix && this.model.addDummyPrefix ? SPACE_SYMBOL : "";
    let inUnknown = false;
    this.merger.merge(dummyPrefix + text.replaceAll(" ", SPACE_SYMBOL), (piece, id) => {
      if (id !== undefined) ids.push(id);
      else if (this.byteIds !== undefined)
        for (const byte of Buffer.from(piece)) ids.push(this.byteIds[byte]!);
      else if (!inUnknown) ids.push(this.model.unkId);
      inUnknown = id === undefined;
    });
  }
}

function tokenTable(model: SentencePieceModel, config: TokenizerConfig): (Token | undefined)[] {
  const tokens: (Token | undefined)[] = model.pieces.map(({ text, type }) => {
    const isByte = type === PieceType.byte;
    const special = type === PieceType.control || type === PieceType.unknown;
    const bytes = isByte ? [byteOf(text)] : Buffer.from(text.replaceAll(SPACE_SYMBOL, " "));
    return { piece: text, bytes: Uint8Array.from(bytes), special, isByte };
  });
  for (const { id, content, special } of config.addedTokens) {
    while (tokens.length < id) tokens.push(undefined);
    tokens[id] = { piece: content, bytes: Uint8Array.from(Buffer.from(content)), special, isByte: false };
  }
  return tokens;
}

function specialTexts(model: SentencePieceModel, config: TokenizerConfig): Map<string, number> {
  const texts = new Map<string, number>();
  for (const [id, { text, type }] of model.pieces.entries()) {
    if (type === PieceType.control || type === PieceType.unknown) texts.set(text, id);
  }
  for (const { id, content } of config.addedTokens) texts.set(content, id);
  return texts;
}

function byteIds(pieces: readonly Piece[]): Int32Array {
  const ids = new Int32Array(256);
  for (const [id, { text, type }] of pieces.entries()) if (type === PieceType.byte) ids[byteOf(text)] = id;
  return ids;
}

/** The value of a byte piece such as "<0x0A>". */
function byteOf(piece: string): number {
  return Number.parseInt(piece.slice(3, 5), 16);
}
