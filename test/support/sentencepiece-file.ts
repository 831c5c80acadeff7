import { type Piece, PieceType } from "../../lib/tokenizer/sentencepiece-model.js";

/** Settings of a `tokenizer.model` to write; the defaults are Llama's. */
export interface ModelFile {
  pieces: readonly Piece[];
  modelType?: number;
  byteFallback?: boolean;
  addDummyPrefix?: boolean;
  removeExtraWhitespaces?: boolean;
  padId?: number;
}

/** Serialises a SentencePiece model (sentencepiece_model.proto). */
export function writeSentencePieceModel(file: ModelFile): Buffer {
  const { modelType = 2, byteFallback = true, addDummyPrefix = true, removeExtraWhitespaces = false } = file;
  const pieces = file.pieces.map(({ text, score, type }) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(text)), floatField(2, score), intField(3, type)])),
  );
  const trainer = [
    intField(3, modelType),
    intField(35, Number(byteFallback)),
    intField(43, file.padId ?? -1),
  ];
  const normalizer = [intField(3, Number(addDummyPrefix)), intField(4, Number(removeExtraWhitespaces))];
  return Buffer.concat([
    ...pieces,
    bytesField(2, Buffer.concat(trainer)),
    bytesField(3, Buffer.concat([bytesField(1, Buffer.from("identity")), ...normalizer])),
  ]);
}

/** The first 259 pieces of every Llama vocabulary: three special ones and the bytes. */
export function llamaBasePieces(): Piece[] {
  const special = ["<unk>", "<s>", "</s>"].map((text, id) => ({
    text,
    score: 0,
    type: id === 0 ? PieceType.unknown : PieceType.control,
  }));
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    return { text: `<0x${hex}>`, score: 0, type: PieceType.byte };
  });
  return [...special, ...bytes];
}

/**
 * A whole vocabulary given as text by id, in the order of merging, as Llama's and Mistral's are; but spaces and
 * runs of them merge after everything else.
 */
export function llamaPieces(vocabulary: readonly string[]): Piece[] {
  const base = llamaBasePieces();
  const merged = vocabulary.slice(base.length).map((text, i) => {
    const isRun = /^\u2581+$/.test(text);
    return { text, score: isRun ? -1e9 : -i, type: PieceType.normal };
  });
  return [...base, ...merged];
}

function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

function intField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint(number * 8 + 5), bytes]);
}

function bytesField(number: number, value: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
}
