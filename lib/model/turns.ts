/** Tokens of a full step of 64 sequences; passing one on to a client costs 15 µs or more. */
const MOST = 64;

/**
 * Hands items on in their order, a limited number in each turn of the event loop, so that an engine that is faster than
 * whoever reads its tokens does not keep timers and sockets waiting.
 */
export class Turns<T> {
  private waiting: T[] = [];
  /** How many of them have been handed on. */
  private done = 0;
  private scheduled = false;

  /** @param most items of one turn */
  constructor(
    private readonly handle: (item: T) => void,
    private readonly most = MOST,
  ) {}

  /** Hands the items on at once unless others wait, or there are too many. */
  add(items: readonly T[]): void {
    for (const item of items) this.waiting.push(item);
    if (!this.scheduled) this.turn();
  }

  private turn(): void {
    const end = Math.min(this.waiting.length, this.done + this.most);
    try {
      while (this.done < end) this.handle(this.waiting[this.done++]!);
    } finally {
      this.scheduled = this.done < this.waiting.length;
      // Moving what is left costs nothing by the item where half has been handed on.
      if (2 * this.done >= this.waiting.length) {
        this.waiting = this.waiting.slice(this.done);
        this.done = 0;
      }
      if (this.scheduled) setImmediate(() => this.turn());
    }
  }
}
