import { type Piece, PieceType } from "./sentencepiece-model.js";
import { anyOf, MAX_TEXT_LENGTH } from "./special.js";

/** Receives the pieces of a text in order; `id` is undefined for a character without a piece. */
export type EmitPiece = (text: string, id: number | undefined) => void;

/**
 * Byte-pair encoding as SentencePiece does it: of all adjacent pairs that make a piece, the one with the best
 * score is merged, the leftmost on ties, until none is left. O(n log n).
 */
export class BpeMerger {
  /** Ids of the pieces that text can become (neither control, unknown nor byte pieces). */
  private readonly ids = new Map<string, number>();
  /** Position of each id when all are sorted by score, best first; equal scores share a rank. */
  private readonly ranks: Int32Array;
  /** Pieces that are cut out of the text before any merge, and never merged. */
  private readonly userDefined: RegExp | undefined;
  /** Pieces that exist only to be merged further: they are split again at the end. */
  private readonly unused = new Set<number>();

  constructor(pieces: readonly Piece[]) {
    const { normal, userDefined, unused } = PieceType;
    const frozen: string[] = [];
    for (const [id, { text, type }] of pieces.entries()) {
      if (type === normal || type === userDefined || type === unused) this.ids.set(text, id);
      if (type === userDefined) frozen.push(text);
      if (type === unused) this.unused.add(id);
    }
    this.userDefined = anyOf(frozen);
    this.ranks = rankByScore(pieces);
  }

  /** Splits a text in which spaces are already written as "▁". */
  merge(text: string, emit: EmitPiece): void {
    const { starts, frozen } = this.symbols(text);
    const count = starts.length - 1;
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    // Per symbol: the piece it makes with the symbol to its right, or -1; -2 once it was merged away.
    const merged = new Int32Array(count).fill(NONE);
    const halves = new Map<string, [string, string]>();
    const textOf = (left: number, right: number) => text.slice(starts[left], starts[right]);
    const heap = new MinHeap();
    const consider = (left: number) => {
      const right = next[left]!;
      merged[left] = NONE;
      if (right === count || frozen?.has(left) || frozen?.has(right)) return;
      const pair = textOf(left, next[right]!);
      const id = this.ids.get(pair);
      if (id === undefined) return;
      merged[left] = id;
      if (this.unused.has(id)) halves.set(pair, [textOf(left, right), textOf(right, next[right]!)]);
      heap.push(this.ranks[id]! * MAX_SYMBOLS + left);
    };

    for (let i = 0; i < count; i++) consider(i);
    for (let key = heap.pop(); key !== undefined; key = heap.pop()) {
      const left = key % MAX_SYMBOLS;
      const id = merged[left]!;
      // Entries are not removed when a neighbour changes: one that no longer describes its symbol is stale.
      if (id < 0 || this.ranks[id] !== (key - left) / MAX_SYMBOLS) continue;
      const right = next[left]!;
      const after = next[right]!;
      merged[right] = GONE;
      next[left] = after;
      if (after < count) previous[after] = left;
      consider(left);
      if (left > 0) consider(previous[left]!);
    }

    const resegment = (piece: string) => {
      const id = this.ids.get(piece);
      const parts = id !== undefined && this.unused.has(id) ? halves.get(piece) : undefined;
      if (parts === undefined) emit(piece, id);
      else for (const part of parts) resegment(part);
    };
    for (let i = 0; i < count; i = next[i]!) resegment(textOf(i, next[i]!));
  }

  /**
   * The symbols that merging starts from, characters and user-defined pieces: where each begins in the text,
   * with the text's length at the end, and which ones are user-defined.
   */
  private symbols(text: string): { starts: number[]; frozen: Set<number> | undefined } {
    const starts: number[] = [];
    const addCharacters = (from: number, to: number) => {
      for (let at = from; at < to; at += text.codePointAt(at)! > 0xffff ? 2 : 1) starts.push(at);
    };
    if (this.userDefined === undefined) {
      addCharacters(0, text.length);
      starts.push(text.length);
      return { starts, frozen: undefined };
    }
    const frozen = new Set<number>();
    let from = 0;
    for (const match of text.matchAll(this.userDefined)) {
      addCharacters(from, match.index);
      frozen.add(starts.length);
      starts.push(match.index);
      from = match.index + match[0].length;
    }
    addCharacters(from, text.length);
    starts.push(text.length);
    return { starts, frozen };
  }
}

const NONE = -1;
const GONE = -2;
/** Heap keys are rank · MAX_SYMBOLS + position, so they order by rank, then from the left, and stay below 2^53. */
const MAX_SYMBOLS = 2 * MAX_TEXT_LENGTH;

function rankByScore(pieces: readonly Piece[]): Int32Array {
  const scores = Float64Array.from(pieces, ({ score }) => score);
  const order = pieces
    .map((_, id) => id)
    .sort((a, b) => Number(scores[b]! > scores[a]!) - Number(scores[b]! < scores[a]!));
  const ranks = new Int32Array(pieces.length);
  for (let i = 1, rank = 0; i < order.length; i++) {
    if (scores[order[i]!] !== scores[order[i - 1]!]) rank = i;
    ranks[order[i]!] = rank;
  }
  return ranks;
}

/** A binary heap of numbers. */
class MinHeap {
  private readonly keys: number[] = [];

  push(key: number): void {
    const { keys } = this;
    let at = keys.length;
    keys.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** Removes and returns the smallest key, undefined when empty. */
  pop(): number | undefined {
    const { keys } = this;
    const smallest = keys[0];
    const last = keys.pop();
    if (last === undefined || keys.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= keys.length) break;
      if (child + 1 < keys.length && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= last) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = last;
    return smallest;
  }
}
