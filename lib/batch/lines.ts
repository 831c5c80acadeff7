import { createHash, type Hash } from "node:crypto";

/** Longest line that is read; a text of V8 has at most 2^29 - 24 characters. */
export const MAX_LINE_BYTES = 2 ** 28;

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** One line of a file. */
export interface Line {
  /** From 1, blank lines counted. */
  number: number;
  /** Without its end; undefined if it has more than MAX_LINE_BYTES. */
  bytes: Buffer | undefined;
  /** Position in the file of its first byte and behind its last, the end of line not counted. */
  start: number;
  end: number;
}

/** Splits bytes into lines and knows what it has read so far. */
export class LineReader {
  /** Bytes read. */
  position = 0;
  private readonly hash: Hash = createHash("sha256");

  constructor(
    private readonly source: AsyncIterable<Buffer>,
    private readonly maxLineBytes: number = MAX_LINE_BYTES,
  ) {}

  /** SHA-256 of the bytes read. */
  digest(): string {
    return this.hash.copy().digest("base64");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Line> {
    let number = 0;
    let start = 0;
    let parts: Buffer[] = [];
    let length = 0;
    const keep = (part: Buffer) => {
      length += part.length;
      if (length <= this.maxLineBytes) parts.push(part);
      else parts = [];
    };
    const take = (): Line => {
      const bytes = length <= this.maxLineBytes ? withoutReturn(Buffer.concat(parts)) : undefined;
      const line = { number: ++number, bytes, start, end: start + (bytes?.length ?? length) };
      start += length + 1;
      parts = [];
      length = 0;
      return line;
    };
    for await (const chunk of this.source) {
      this.hash.update(chunk);
      this.position += chunk.length;
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        keep(chunk.subarray(from, at));
        from = at + 1;
        yield take();
      }
      keep(chunk.subarray(from));
    }
    if (length > 0) yield take();
  }
}

function withoutReturn(bytes: Buffer): Buffer {
  return bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes;
}
