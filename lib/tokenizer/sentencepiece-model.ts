import { HoneybeeError } from "../errors.js";
import { asBytes, asFloat, asInteger, WireError, wireFields } from "./protobuf.js";

/** `SentencePiece.Type` of sentencepiece_model.proto. */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** One entry of the vocabulary; its index is the id. */
export interface Piece {
  readonly text: string;
  /** Merges that make a piece with a higher score come first. */
  readonly score: number;
  readonly type: number;
}

/** What a BPE `tokenizer.model` says, as far as Llama-style vocabularies use it. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[];
  /** Whether characters without a piece are spelled as bytes. */
  readonly byteFallback: boolean;
  /** Whether "▁" goes before every text. */
  readonly addDummyPrefix: boolean;
  readonly unkId: number;
  /** -1 where the vocabulary has none, as for the next two. */
  readonly bosId: number;
  readonly eosId: number;
  readonly padId: number;
}

// Field numbers and defaults of sentencepiece_model.proto.
const MODEL = { pieces: 1, trainerSpec: 2, normalizerSpec: 3 };
const PIECE = { text: 1, score: 2, type: 3 };
const TRAINER = {
  modelType: 3,
  whitespaceAsSuffix: 24,
  byteFallback: 35,
  unkId: 40,
  bosId: 41,
  eosId: 42,
  padId: 43,
};
const NORMALIZER = { charsmap: 2, addDummyPrefix: 3, removeExtraWhitespaces: 4, escapeWhitespaces: 5 };

const MODEL_TYPES: Record<number, string> = { 1: "unigram", 2: "BPE", 3: "word", 4: "character" };
const BPE = 2;

/**
 * Reads a SentencePiece `tokenizer.model`.
 *
 * @param name the file, for messages
 * @throws HoneybeeError ERR_TOKENIZER if it is cut off, not BPE, or asks for what Llama vocabularies never use
 */
export function parseSentencePieceModel(file: Uint8Array, name: string): SentencePieceModel {
  try {
    return parseModel(file);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const message = `${name} is no readable SentencePiece model: ${error.message}; download it again`;
    throw new HoneybeeError("ERR_TOKENIZER", message, { cause: error });
  }
}

function parseModel(file: Uint8Array): SentencePieceModel {
  const pieces: Piece[] = [];
  let trainerSpec: Uint8Array | undefined;
  let normalizerSpec: Uint8Array = new Uint8Array(0);
  for (const { number, value } of wireFields(file)) {
    if (number === MODEL.pieces) pieces.push(parsePiece(asBytes(value), pieces.length));
    else if (number === MODEL.trainerSpec) trainerSpec = asBytes(value);
    else if (number === MODEL.normalizerSpec) normalizerSpec = asBytes(value);
  }
  if (pieces.length === 0) throw new WireError("it has no pieces");
  if (trainerSpec === undefined) throw new WireError("it has pieces but no trainer_spec, so it was cut off");
  const model = { pieces, ...parseTrainerSpec(trainerSpec), ...parseNormalizerSpec(normalizerSpec) };
  checkPieces(model);
  return model;
}

function parsePiece(message: Uint8Array, index: number): Piece {
  let text = "";
  let score = 0;
  let type: number = PieceType.normal;
  for (const { number, value } of wireFields(message)) {
    if (number === PIECE.text) text = decodeStrict(asBytes(value), index);
    else if (number === PIECE.score) score = asFloat(value);
    else if (number === PIECE.type) type = asInteger(value);
  }
  if (text === "") throw new WireError(`piece ${index} is empty`);
  if (Number.isNaN(score)) throw new WireError(`the score of piece ${index} is not a number`);
  return { text, score, type };
}

function decodeStrict(bytes: Uint8Array, index: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new WireError(`piece ${index} is not UTF-8`);
  }
}

function parseTrainerSpec(message: Uint8Array) {
  const spec = { byteFallback: false, unkId: 0, bosId: 1, eosId: 2, padId: -1 };
  let modelType = 1;
  for (const { number, value } of wireFields(message)) {
    if (number === TRAINER.modelType) modelType = asInteger(value);
    else if (number === TRAINER.byteFallback) spec.byteFallback = asInteger(value) !== 0;
    else if (number === TRAINER.unkId) spec.unkId = asInteger(value);
    else if (number === TRAINER.bosId) spec.bosId = asInteger(value);
    else if (number === TRAINER.eosId) spec.eosId = asInteger(value);
    else if (number === TRAINER.padId) spec.padId = asInteger(value);
    else if (number === TRAINER.whitespaceAsSuffix && asInteger(value) !== 0) {
      throw new WireError("it puts spaces behind words (treat_whitespace_as_suffix), which is not supported");
    }
  }
  if (modelType !== BPE) {
    const kind = MODEL_TYPES[modelType] ?? `unknown (${modelType})`;
    throw new WireError(`its kind is ${kind}, but Llama vocabularies are BPE; it belongs to another model`);
  }
  return spec;
}

function parseNormalizerSpec(message: Uint8Array) {
  let addDummyPrefix = true;
  let removeExtraWhitespaces = true;
  let escapeWhitespaces = true;
  for (const { number, value } of wireFields(message)) {
    if (number === NORMALIZER.addDummyPrefix) addDummyPrefix = asInteger(value) !== 0;
    else if (number === NORMALIZER.removeExtraWhitespaces) removeExtraWhitespaces = asInteger(value) !== 0;
    else if (number === NORMALIZER.escapeWhitespaces) escapeWhitespaces = asInteger(value) !== 0;
    else if (number === NORMALIZER.charsmap && asBytes(value).length > 0) {
      throw new WireError("it rewrites characters (precompiled_charsmap), which Llama vocabularies do not");
    }
  }
  if (removeExtraWhitespaces || !escapeWhitespaces) {
    throw new WireError("it drops spaces or does not write them as ▁, which Llama vocabularies do not");
  }
  return { addDummyPrefix };
}

function checkPieces(model: SentencePieceModel): void {
  const { pieces, byteFallback } = model;
  const seen = new Set<string>();
  let byteCount = 0;
  for (const [id, { text, type }] of pieces.entries()) {
    if (seen.has(text)) throw new WireError(`piece ${id} (${JSON.stringify(text)}) is there twice`);
    seen.add(text);
    if (type < PieceType.normal || type > PieceType.byte) {
      throw new WireError(`piece ${id} has unknown type ${type}`);
    }
    if (type !== PieceType.byte) continue;
    byteCount++;
    if (!/^<0x[0-9A-F]{2}>$/.test(text)) {
      throw new WireError(`piece ${id} (${JSON.stringify(text)}) should spell a byte, like <0x0A>`);
    }
  }
  if (byteFallback && byteCount !== 256) {
    throw new WireError(`byte fallback needs 256 byte pieces, it has ${byteCount}`);
  }
  if (pieces[model.unkId]?.type !== PieceType.unknown) {
    throw new WireError(`piece ${model.unkId} should be the unknown piece`);
  }
  for (const id of [model.bosId, model.eosId, model.padId]) {
    if (id >= 0 && pieces[id]?.type !== PieceType.control) {
      throw new WireError(`piece ${id} should be a control piece such as <s>`);
    }
  }
}
