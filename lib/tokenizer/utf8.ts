const REPLACEMENT = "\uFFFD";

/**
 * What an invalid sequence becomes: one U+FFFD for each byte (SentencePiece), or one for each maximal prefix of
 * a valid sequence (WHATWG, Python, Rust).
 */
export type InvalidUtf8 = "each-byte" | "maximal-prefix";

/**
 * Length of the valid sequence that begins at `at` (Unicode 15, table 3-7), or minus the length of the longest
 * prefix of one. `-(bytes.length - at)` therefore also means that the input ended too early.
 */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte excludes overlong forms, surrogates and values above U+10FFFF.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i];
    const valid =
      byte !== undefined && (i === 1 ? byte >= lowest && byte <= highest : (byte & 0xc0) === 0x80);
    if (!valid) return -i;
  }
  return length;
}

/**
 * Incremental UTF-8 decoder. Unlike TextDecoder it can give one U+FFFD for each invalid byte, and keeps a
 * byte order mark.
 */
export class Utf8Decoder {
  private held: Uint8Array = new Uint8Array(0);

  constructor(private readonly invalid: InvalidUtf8) {}

  /** Decodes as much as is certain; up to three bytes of an unfinished sequence wait for the next call. */
  push(bytes: Uint8Array): string {
    const input = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    return this.decode(input, false);
  }

  /** Decodes what is held back as invalid, and starts afresh. */
  end(): string {
    return this.decode(this.held, true);
  }

  private decode(bytes: Uint8Array, last: boolean): string {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let text = "";
    let validFrom = 0;
    let at = 0;
    while (at < bytes.length) {
      const length = sequenceLength(bytes, at);
      if (length > 0) {
        at += length;
        continue;
      }
      const prefix = -length;
      if (!last && prefix > 0 && at + prefix === bytes.length) break;
      text += buffer.toString("utf8", validFrom, at) + REPLACEMENT;
      at += this.invalid === "each-byte" ? 1 : Math.max(prefix, 1);
      validFrom = at;
    }
    this.held = bytes.slice(at);
    return text + buffer.toString("utf8", validFrom, at);
  }
}
