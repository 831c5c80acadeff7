import { HttpError } from "./errors.js";

const MAX_RETRY_SECONDS = 60;

/** How much the latest duration counts in the mean that `Retry-After` is guessed from. */
const LATEST_SHARE = 0.1;

/**
 * How many answers the server takes on: as many as the engine runs at once, and a bounded number that wait in the
 * engine's own queue, where priorities and shared prompts count. More are refused at once.
 */
export class Admission {
  private taken = 0;
  private meanMs = 0;

  /**
   * @param capacity answers that run at once
   * @param maxQueue answers that may wait beside them
   */
  constructor(
    private readonly capacity: number,
    private readonly maxQueue: number,
  ) {}

  /** Whether not even one more answer would be taken on. */
  get isFull(): boolean {
    return this.taken >= this.capacity + this.maxQueue;
  }

  /** @throws HttpError 429 if not even one more answer would be taken on */
  check(): void {
    if (this.isFull) throw this.refusal();
  }

  /**
   * Takes on `count` answers; the returned function lets them go.
   *
   * @throws HttpError 429, or 400 for more than could ever be taken on
   */
  enter(count: number): () => void {
    const limit = this.capacity + this.maxQueue;
    if (count > limit)
      throw new HttpError(
        400,
        "ERR_OPTION",
        `${count} answers or beams are more than the ${limit} that this server takes on in all`,
      );
    if (this.taken + count > limit) throw this.refusal();
    this.taken += count;
    const begin = performance.now();
    return () => {
      this.taken -= count;
      const ms = performance.now() - begin;
      this.meanMs = this.meanMs === 0 ? ms : this.meanMs + LATEST_SHARE * (ms - this.meanMs);
    };
  }

  /** What must end before another fits takes about a mean duration for each round of the engine. */
  private refusal(): HttpError {
    const seconds = Math.ceil((this.meanMs / 1000) * (1 / this.capacity));
    const wait = Math.min(MAX_RETRY_SECONDS, Math.max(1, seconds));
    const message = `${this.taken} answers run or wait, which is all this server takes on; try again later`;
    return new HttpError(429, "rate_limit_exceeded", message, wait);
  }
}
