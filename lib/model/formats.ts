import { HoneybeeError } from "../errors.js";
import { type NativeFormat, type NativeFormatSource, type NativeVocabulary, native } from "../native.js";
import type { Tokenizer } from "../tokenizer/index.js";

/** How many compiled formats a model keeps, the ones used last. */
const KEPT = 32;

/** The compiled response formats of a model, so that requests share them and the masks found so far. */
export class Formats {
  private readonly kept = new Map<string, Promise<NativeFormat>>();
  private vocabulary: NativeVocabulary | undefined;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly tokenizer: Tokenizer) {}

  /**
   * Compiles off the event loop, once.
   *
   * @throws HoneybeeError ERR_OPTION naming the keyword or the part of the pattern that cannot be enforced
   */
  compile(source: NativeFormatSource): Promise<NativeFormat> {
    const key = `${source.kind} ${source.text}`;
    let format = this.kept.get(key);
    this.kept.delete(key);
    format ??= this.enqueue(source).catch((error) => {
      this.kept.delete(key);
      throw error;
    });
    this.kept.set(key, format);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= KEPT) break;
      this.kept.delete(oldest);
    }
    return format;
  }

  /** One at a time: a batch with a schema a line would start as many threads. */
  private enqueue(source: NativeFormatSource): Promise<NativeFormat> {
    const format = this.last.then(() => this.start(source));
    this.last = format.catch(() => {});
    return format;
  }

  private async start(source: NativeFormatSource): Promise<NativeFormat> {
    this.vocabulary ??= native.vocabulary(tokenBytes(this.tokenizer));
    try {
      return await native.compileFormat(source, this.vocabulary);
    } catch (error) {
      const { code = "ERR_OPTION", message } = error as { code?: HoneybeeError["code"]; message: string };
      throw new HoneybeeError(code, message, { cause: error });
    }
  }
}

/** The bytes of all tokens as the native side takes them. */
export function tokenBytes(tokenizer: Tokenizer): {
  bytes: Uint8Array;
  ends: Uint32Array;
  losesSpace: Uint8Array;
} {
  const ends = new Uint32Array(tokenizer.vocabSize);
  const losesSpace = new Uint8Array(tokenizer.vocabSize);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const bytes = tokenizer.bytes(id);
    parts.push(bytes);
    length += bytes.length;
    ends[id] = length;
    losesSpace[id] = Number(bytes[0] === 0x20 && tokenizer.bytes(id, true).length < bytes.length);
  }
  return { bytes: Buffer.concat(parts), ends, losesSpace };
}
