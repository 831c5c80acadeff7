import { HoneybeeError } from "../errors.js";

/**
 * The longest text that is tokenised: more than any context window holds, little enough that a hostile request
 * cannot exhaust memory. In UTF-16 code units.
 */
export const MAX_TEXT_LENGTH = 1 << 22;

/** The text with lone surrogates replaced by U+FFFD. Throws ERR_OPTION for anything but a text of bounded length. */
export function checkedText(text: unknown): string {
  if (typeof text !== "string") {
    throw new HoneybeeError("ERR_OPTION", `text to tokenise must be a string, not ${typeof text}`);
  }
  if (text.length > MAX_TEXT_LENGTH) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `text of ${text.length} characters is too long to tokenise: at most ${MAX_TEXT_LENGTH}; split it`,
    );
  }
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** A stretch of text between special tokens, or one special token. */
export type Segment = { text: string; special?: undefined } | { text: string; special: number };

/** A pattern that finds the leftmost, longest of the given strings; undefined when there is none. */
export function anyOf(strings: Iterable<string>): RegExp | undefined {
  const longestFirst = [...strings].sort((a, b) => b.length - a.length);
  if (longestFirst.length === 0) return undefined;
  return new RegExp(longestFirst.map((s) => s.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"), "gu");
}

/** Splits text at the literal text of special tokens. */
export class SpecialSplitter {
  private readonly pattern: RegExp | undefined;

  /** @param ids the id of each special token by its text */
  constructor(private readonly ids: ReadonlyMap<string, number>) {
    this.pattern = anyOf(ids.keys());
  }

  /** The non-empty segments in order. */
  split(text: string): Segment[] {
    const segments: Segment[] = [];
    let from = 0;
    for (const match of this.pattern ? text.matchAll(this.pattern) : []) {
      if (match.index > from) segments.push({ text: text.slice(from, match.index) });
      segments.push({ text: match[0], special: this.ids.get(match[0])! });
      from = match.index + match[0].length;
    }
    if (from < text.length) segments.push({ text: text.slice(from) });
    return segments;
  }
}
