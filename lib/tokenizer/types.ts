/** How `Tokenizer.encode` treats special tokens. */
export interface EncodeOptions {
  /**
   * Whether the text of a special token (`<s>`, `</s>`, ...) becomes its id. Default true, as Hugging Face
   * tokenizers do; false takes it as ordinary text, which is what untrusted text asks for.
   */
  parseSpecial?: boolean;
  /** Whether to add what the tokenizer's own configuration adds around a text, such as BOS. Default false. */
  addSpecial?: boolean;
}

/** Turns ids into text as they arrive. The parts joined are exactly `decode` of the same ids. */
export interface TokenStream {
  /** Takes the next id; returns the text that is now certain (an unfinished UTF-8 sequence is held back). */
  push(id: number): string;
  /** Returns what was held back, as replacement characters, and starts afresh. */
  end(): string;
}

/** A vocabulary with its rules: text to ids and back. Immutable, so one instance serves any number of callers. */
export interface Tokenizer {
  /** One more than the highest id. The embedding table of a model may have more rows (padding). */
  readonly vocabSize: number;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  readonly unkId: number | undefined;
  readonly padId: number | undefined;
  /** Ids that never show in decoded text, ascending. */
  readonly specialIds: readonly number[];
  /** The Jinja chat template that came with the tokenizer, if any. */
  readonly chatTemplate: string | undefined;
  /** Ids of a text; nothing is added around it. Every stretch between special tokens gets its own leading "▁". */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * Ids of one chunk of a Honeybee prompt: like `encode`, but only the very start gets a leading "▁"
   * (transformers' `legacy=false`, with which the official models were trained).
   */
  encodeChunk(text: string): number[];
  /** Text of ids. Special tokens and ids beyond the vocabulary are left out. */
  decode(ids: Iterable<number>): string;
  /** The vocabulary's own spelling of each id; empty for ids beyond the vocabulary. */
  pieces(ids: Iterable<number>): string[];
  /** A decoder for ids that arrive one by one. */
  stream(): TokenStream;
  /** The id of a piece in the vocabulary's own spelling, such as "▁the" or "</s>". */
  id(piece: string): number | undefined;
  /**
   * The bytes that an id adds in the middle of a text, or at its start, where some vocabularies drop one space; none
   * for special tokens and ids beyond the vocabulary.
   */
  bytes(id: number, atStart?: boolean): Uint8Array;
}
