import { HoneybeeError } from "../errors.js";
import { isObject } from "./config.js";
import type { DecodeRule, Token } from "./vocabulary.js";

/** The `decoder` of a tokenizer.json: how it joins tokens, and what a piece of its vocabulary stands for. */
export interface JsonDecoder {
  readonly rule: DecodeRule;
  /** A piece of the vocabulary; never marked special. */
  token(piece: string): Token;
  /** An added token, which a byte-level vocabulary does not spell in its alphabet. */
  addedToken(content: string): Token;
}

/**
 * Understands the decoders that Llama and GPT style vocabularies use, so that text can be streamed.
 *
 * @param file named in the error
 * @throws HoneybeeError ERR_TOKENIZER for any other decoder
 */
export function readJsonDecoder(decoder: unknown, file: string): JsonDecoder {
  const steps = isObject(decoder) && decoder.type === "Sequence" ? decoder.decoders : [decoder];
  if (!Array.isArray(steps)) throw unsupported(file, "a Sequence without decoders");
  const plan: Plan = {
    replacements: [],
    byteFallback: false,
    byteLevel: false,
    fused: false,
    strip: "never",
  };
  for (const step of steps) addStep(plan, step, file);
  return plan.byteLevel ? byteLevelDecoder() : pieceDecoder(plan);
}

interface Plan {
  replacements: [from: string, to: string][];
  byteFallback: boolean;
  byteLevel: boolean;
  fused: boolean;
  strip: DecodeRule["stripLeadingSpace"];
}

function addStep(plan: Plan, step: unknown, file: string): void {
  if (!isObject(step)) throw unsupported(file, "none at all");
  switch (step.type) {
    case "ByteLevel":
      plan.byteLevel = true;
      return;
    case "ByteFallback":
      plan.byteFallback = true;
      return;
    case "Fuse":
      plan.fused = true;
      return;
    case "Replace": {
      const from = isObject(step.pattern) ? step.pattern.String : undefined;
      if (typeof from !== "string" || from === "" || typeof step.content !== "string" || plan.byteFallback)
        break;
      plan.replacements.push([from, step.content]);
      return;
    }
    case "Metaspace": {
      const symbol = step.replacement ?? "\u2581";
      if (typeof symbol !== "string" || symbol === "") break;
      plan.replacements.push([symbol, " "]);
      if (step.prepend_scheme !== "never" && step.add_prefix_space !== false) plan.strip = "from-text";
      return;
    }
    case "Strip":
      // Only after Fuse is it the start of the text that loses a space, rather than each token.
      if (step.content !== " " || step.start !== 1 || step.stop !== 0 || !plan.fused) break;
      plan.strip = "always";
      return;
  }
  throw unsupported(file, JSON.stringify(step).slice(0, 100));
}

function unsupported(file: string, found: string): HoneybeeError {
  return new HoneybeeError(
    "ERR_TOKENIZER",
    `${file}: unsupported decoder: ${found}; expected ByteLevel, Metaspace, or Llama's Replace, ByteFallback, Fuse, Strip`,
  );
}

function pieceDecoder({ replacements, byteFallback, strip }: Plan): JsonDecoder {
  const token = (piece: string): Token => {
    if (byteFallback && /^<0x[0-9A-Fa-f]{2}>$/.test(piece)) {
      const bytes = Uint8Array.of(Number.parseInt(piece.slice(3, 5), 16));
      return { piece, bytes, special: false, isByte: true };
    }
    let text = piece;
    for (const [from, to] of replacements) text = text.replaceAll(from, to);
    return { ...textToken(text), piece };
  };
  return { rule: { invalidUtf8: "each-byte", stripLeadingSpace: strip }, token, addedToken: token };
}

function byteLevelDecoder(): JsonDecoder {
  const byteOf = byteLevelAlphabet();
  return {
    rule: { invalidUtf8: "maximal-prefix", stripLeadingSpace: "never" },
    token(piece) {
      const bytes = Array.from(piece, (character) => byteOf.get(character) ?? -1);
      // A piece with any other character is taken as it is, as Hugging Face's decoder does.
      return bytes.includes(-1) ? textToken(piece) : { ...textToken(piece), bytes: Uint8Array.from(bytes) };
    },
    addedToken: textToken,
  };
}

function textToken(text: string): Token {
  return { piece: text, bytes: Uint8Array.from(Buffer.from(text)), special: false, isByte: false };
}

/**
 * The characters that spell the 256 bytes in a byte-level vocabulary (GPT-2): printable Latin-1 stands for itself,
 * the other bytes in order for the characters from U+0100 on.
 */
function byteLevelAlphabet(): Map<string, number> {
  const printable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    alphabet.set(String.fromCharCode(printable(byte) ? byte : next++), byte);
  }
  return alphabet;
}
