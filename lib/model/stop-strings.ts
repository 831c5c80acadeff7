/**
 * Watches a text that arrives in pieces for strings that end it. What could still become one of them is held back, so
 * that no part of a stop string is ever shown.
 */
export class StopStrings {
  private held = "";

  constructor(private readonly stops: readonly string[]) {}

  /** Takes the next piece; returns what is certain, and whether a stop string ended the text. */
  push(piece: string): { text: string; stopped: boolean } {
    if (this.stops.length === 0) return { text: piece, stopped: false };
    const text = this.held + piece;
    let end = -1;
    for (const stop of this.stops) {
      const at = text.indexOf(stop);
      if (at >= 0 && (end < 0 || at < end)) end = at;
    }
    if (end >= 0) {
      this.held = "";
      return { text: text.slice(0, end), stopped: true };
    }
    const keep = this.possibleStart(text);
    this.held = text.slice(text.length - keep);
    return { text: text.slice(0, text.length - keep), stopped: false };
  }

  /** What was held back, once nothing more comes. */
  end(): string {
    const { held } = this;
    this.held = "";
    return held;
  }

  /** Length of the longest end of `text` that begins a stop string. */
  private possibleStart(text: string): number {
    let longest = 0;
    for (const stop of this.stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
