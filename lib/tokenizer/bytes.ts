import { HoneybeeError } from "../errors.js";
import { checkedText, SpecialSplitter } from "./special.js";
import type { EncodeOptions, Tokenizer } from "./types.js";
import { type Token, Vocabulary } from "./vocabulary.js";

const UNK = 0;
const BOS = 1;
const EOS = 2;
const FIRST_BYTE = 3;
/** Three special tokens and 256 bytes. */
export const BYTE_VOCABULARY_SIZE = FIRST_BYTE + 256;

/**
 * A tokenizer for models with random weights: the ids of Llama's special tokens and bytes, so text becomes one id a
 * byte. Higher ids never come out of text; a model that emits one sees it decoded as " [id]".
 *
 * @param vocabSize number of ids, at least 259
 * @throws HoneybeeError ERR_TOKENIZER if it is smaller
 */
export function byteTokenizer(vocabSize: number): Tokenizer {
  if (!Number.isInteger(vocabSize) || vocabSize < BYTE_VOCABULARY_SIZE) {
    throw new HoneybeeError(
      "ERR_TOKENIZER",
      `a byte tokenizer needs a vocabulary of at least ${BYTE_VOCABULARY_SIZE} ids, not ${vocabSize}`,
    );
  }
  const vocabulary = new Vocabulary(
    Array.from({ length: vocabSize }, (_, id) => byteToken(id)),
    { invalidUtf8: "each-byte", stripLeadingSpace: "never" },
  );
  const special = new SpecialSplitter(
    new Map(vocabulary.specialIds.map((id) => [vocabulary.pieces([id])[0]!, id])),
  );
  const encode = (text: string, { parseSpecial = true, addSpecial = false }: EncodeOptions = {}) => {
    const checked = checkedText(text);
    const ids: number[] = addSpecial ? [BOS] : [];
    for (const segment of parseSpecial ? special.split(checked) : [{ text: checked, special: undefined }]) {
      if (segment.special !== undefined) ids.push(segment.special);
      else for (const byte of Buffer.from(segment.text)) ids.push(FIRST_BYTE + byte);
    }
    return ids;
  };
  return {
    vocabSize,
    bosId: BOS,
    eosId: EOS,
    unkId: UNK,
    padId: undefined,
    specialIds: vocabulary.specialIds,
    chatTemplate: undefined,
    encode,
    encodeChunk: (text) => encode(text),
    decode: (ids) => vocabulary.decode(ids),
    pieces: (ids) => vocabulary.pieces(ids),
    stream: () => vocabulary.stream(),
    id: (piece) => vocabulary.id(piece),
    bytes: (id, atStart) => vocabulary.bytes(id, atStart),
  };
}

function byteToken(id: number): Token {
  const special = ["<unk>", "<s>", "</s>"][id];
  if (special !== undefined)
    return { piece: special, bytes: new Uint8Array(0), special: true, isByte: false };
  if (id < BYTE_VOCABULARY_SIZE) {
    const byte = id - FIRST_BYTE;
    const hex = byte.toString(16).toUpperCase().padStart(2, "0");
    return { piece: `<0x${hex}>`, bytes: Uint8Array.of(byte), special: false, isByte: true };
  }
  const bytes = Uint8Array.from(Buffer.from(` [${id}]`));
  return { piece: `\u2581[${id}]`, bytes, special: false, isByte: false };
}
