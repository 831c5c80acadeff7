import { checkNames, checkNumber, checkSignal, optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import type { Generation, GenerationResult } from "../model/generation.js";
import { imagesOf, prepareRequest } from "./prepare.js";
import type { BatchHost, BatchOptions, BatchRequest, BatchResult, BatchStats } from "./types.js";

const PREFETCH_BYTES = 2 ** 26;

/** A request between being read and being answered. */
interface Entry {
  id: string | number;
  request: BatchRequest;
  images: number;
  preprocessMs: number;
  start?: () => Generation;
}

type Source = Iterator<BatchRequest> | AsyncIterator<BatchRequest>;

/**
 * Many requests on their way through one engine. A request is read, its images are prepared, it runs, and its result waits
 * to be taken:
 *
 *     source ─▶ preparing ─▶ ready ─▶ running ─▶ results ─▶ consumer
 *
 * Whenever something moves, `pump` moves what can follow. Between source and consumer there are never more than what the
 * engine runs at once, its queue and a look-ahead of the same size; a consumer that stops taking stops the source.
 */
export class Batch implements AsyncIterable<BatchResult>, AsyncIterator<BatchResult, undefined> {
  readonly stats: BatchStats = {
    answered: 0,
    failed: 0,
    images: 0,
    promptTokens: 0,
    completionTokens: 0,
    imageWaitMs: 0,
  };
  private readonly source: Source;
  private readonly signal: AbortSignal | undefined;
  private readonly prefetchBytes: number;
  /** Requests given to the engine at once: one queued for every four that run, so that a place never falls empty. */
  private readonly atEngine: number;
  /** Stops images that wait for their turn. */
  private readonly stopping = new AbortController();

  private position = 0;
  /** Requests read whose results were not taken. */
  private outstanding = 0;
  private preparing = 0;
  private readonly ready: Entry[] = [];
  private readonly running = new Map<Entry, Generation>();
  private readonly results: BatchResult[] = [];
  /** Of images that are being prepared or ready. */
  private heldBytes = 0;

  private pull: Promise<void> | undefined;
  private sourceEnded = false;
  /** The model was disposed. */
  private lost = false;
  private failure: { error: unknown } | undefined;
  private stopped: Promise<void> | undefined;
  private waiting: (() => void)[] = [];
  private idleSince: number | undefined;

  /** @throws HoneybeeError ERR_OPTION */
  constructor(
    private readonly host: BatchHost,
    requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>,
    options: BatchOptions,
  ) {
    checkNames(options, ["signal", "prefetchBytes"], "batch option");
    this.signal = checkSignal(options.signal);
    this.prefetchBytes = checkNumber("prefetchBytes", options.prefetchBytes) ?? PREFETCH_BYTES;
    this.atEngine = host.capacity + Math.ceil(host.capacity / 4);
    this.source = openSource(requests);
    this.signal?.addEventListener("abort", this.onAbort, { once: true });
    if (this.signal?.aborted) this.onAbort();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<BatchResult, undefined>> {
    for (;;) {
      if (this.signal?.aborted) {
        await this.stop();
        throw this.signal.reason;
      }
      const value = this.results.shift();
      if (value) {
        this.outstanding--;
        this.pump();
        return { value, done: false };
      }
      if (this.stopped) return { value: undefined, done: true };
      this.pump();
      if (this.lost || (this.sourceEnded && this.outstanding === 0)) {
        await this.stop();
        if (this.failure) throw this.failure.error;
        return { value: undefined, done: true };
      }
      if (this.results.length === 0) await new Promise<void>((wake) => this.waiting.push(wake));
    }
  }

  /** Stops everything; resolves when the engine has let go of it. */
  async return(): Promise<IteratorResult<BatchResult, undefined>> {
    await this.stop();
    return { value: undefined, done: true };
  }

  private readonly onAbort = () => {
    void this.stop();
  };

  private stop(): Promise<void> {
    this.stopped ??= this.release();
    return this.stopped;
  }

  private async release(): Promise<void> {
    this.signal?.removeEventListener("abort", this.onAbort);
    this.stopping.abort();
    this.ready.length = 0;
    this.results.length = 0;
    const generations = [...this.running.values()];
    for (const generation of generations) void generation.return();
    this.wake();
    // A source in the middle of a read ends when the read does, and that may be never.
    const closing = this.sourceEnded ? undefined : closeSource(this.source);
    if (!this.pull) await closing;
    await Promise.allSettled(generations.map(({ result }) => result));
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  private pump(): void {
    if (this.stopped || this.lost) return;
    while (this.ready.length > 0 && this.running.size < this.atEngine) this.start(this.ready.shift()!);
    this.countIdle();
    const ahead = this.outstanding < this.atEngine + this.host.capacity;
    // With nothing on its way even an image beyond the window must go through.
    const fits = this.heldBytes < this.prefetchBytes || this.preparing + this.ready.length === 0;
    if (ahead && fits && !this.sourceEnded && !this.pull) {
      this.pull = this.read().finally(() => {
        this.pull = undefined;
        this.pump();
        if (this.sourceEnded) this.wake();
      });
    }
  }

  /** Takes one request from the source. What the source throws is told when the requests before it are answered. */
  private async read(): Promise<void> {
    try {
      const { value, done } = await this.source.next();
      if (this.stopped) return;
      if (done) this.sourceEnded = true;
      else this.prepare(value);
    } catch (error) {
      this.sourceEnded = true;
      this.failure ??= { error };
    }
  }

  private prepare(request: BatchRequest): void {
    const id = request?.id ?? this.position;
    this.position++;
    this.outstanding++;
    this.preparing++;
    const entry: Entry = { id, request, images: 0, preprocessMs: 0 };
    (async () => {
      const begin = performance.now();
      entry.images = imagesOf(request).length;
      this.heldBytes += this.bytes(entry);
      try {
        entry.start = await prepareRequest(this.host, request, this.stopping.signal);
      } catch (error) {
        this.heldBytes -= this.bytes(entry);
        throw error;
      }
      entry.preprocessMs = performance.now() - begin;
    })()
      .then(
        () => this.ready.push(entry),
        (error) => this.fail(entry, error),
      )
      .finally(() => {
        this.preparing--;
        this.pump();
      });
  }

  private bytes({ images }: Entry): number {
    return images * this.host.imageBytes;
  }

  private start(entry: Entry): void {
    const generation = entry.start!();
    this.running.set(entry, generation);
    this.heldBytes -= this.bytes(entry);
    generation.result
      .then(
        (result) => this.finish(entry, result),
        (error) => this.fail(entry, error),
      )
      .finally(() => {
        this.running.delete(entry);
        this.pump();
      });
  }

  private finish(entry: Entry, result: GenerationResult): void {
    if (this.stopped) return;
    if (result.finishReason === "abort") {
      // Nobody here stopped it.
      this.abandon(new HoneybeeError("ERR_DISPOSED", "the model was disposed in the middle of a batch"));
      return;
    }
    const { stats } = this;
    stats.images += entry.images;
    stats.promptTokens += result.usage.promptTokens;
    stats.completionTokens += result.usage.completionTokens;
    const timings = { ...result.timings, preprocessMs: entry.preprocessMs };
    this.deliver({ id: entry.id, ...result, timings });
  }

  private fail(entry: Entry, error: unknown): void {
    if (this.stopped) return;
    const code = codeOf(error);
    if (code === "ERR_DISPOSED") {
      this.abandon(error);
      return;
    }
    this.stats.failed++;
    const message = error instanceof Error ? error.message : String(error);
    this.deliver({ id: entry.id, error: { code: code ?? "ERR_UNKNOWN", message } });
  }

  private deliver(result: BatchResult): void {
    this.stats.answered++;
    this.results.push(result);
    this.wake();
  }

  /** The model is gone: no request can be answered any more. */
  private abandon(error: unknown): void {
    this.lost = true;
    this.failure ??= { error };
    this.wake();
  }

  /** Counts the time in which the engine runs nothing while images are being prepared. */
  private countIdle(): void {
    const idle = this.stats.answered > 0 && this.running.size === 0 && this.preparing > 0;
    const now = performance.now();
    if (this.idleSince !== undefined) this.stats.imageWaitMs += now - this.idleSince;
    this.idleSince = idle ? now : undefined;
  }
}

function openSource(requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>): Source {
  if (typeof requests === "object" && requests !== null) {
    if (Symbol.asyncIterator in requests) return requests[Symbol.asyncIterator]();
    if (Symbol.iterator in requests) return requests[Symbol.iterator]();
  }
  throw optionError("requests must be an array of requests or another (async) iterable of them");
}

async function closeSource(source: Source): Promise<void> {
  await source.return?.();
}

function codeOf(error: unknown): string | undefined {
  return error instanceof HoneybeeError ? error.code : undefined;
}
