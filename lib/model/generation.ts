import { HoneybeeError } from "../errors.js";
import type { NativeEvent, NativePromptLogprobs, NativeTimings, TraceTensor } from "../native.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { StopStrings } from "./stop-strings.js";

export type FinishReason = "stop" | "length" | "abort";

export interface TokenLogprob {
  token: number;
  /** Natural logarithm of its probability in the model's own distribution. */
  logprob: number;
  /** The likeliest tokens, likeliest first; as many as `logprobs` asked for. */
  top: { token: number; logprob: number }[];
}

/** A token of a prompt, -1 at visual positions. */
export interface PromptLogprob extends Omit<TokenLogprob, "logprob"> {
  /** Given the tokens before it; null, and nothing in `top`, for the first and at visual positions. */
  logprob: number | null;
}

/** A piece of an answer. */
export interface Chunk {
  /** May be empty: an unfinished character or a possible stop string is held back. */
  text: string;
  tokens: number[];
  logprobs?: TokenLogprob[];
  /** Which of the `n` answers. */
  index: number;
}

export interface Usage {
  promptTokens: number;
  /** Of the prompt's tokens, those that images took. */
  imageTokens: number;
  /** Of the prompt's tokens, those that were not computed again. */
  cachedTokens: number;
  completionTokens: number;
}

/** Milliseconds of each phase; a phase that several answers share counts once. */
export interface GenerationTimings {
  loadMs: number;
  preprocessMs: number;
  encodeMs: number;
  prefillMs: number;
  decodeMs: number;
  /** Decoded tokens after the first, divided by the time they took. */
  tokensPerSecond: number;
}

export interface Choice {
  index: number;
  text: string;
  tokens: number[];
  finishReason: FinishReason;
  logprobs?: TokenLogprob[];
  /** Of a beam search: the sum of log-probabilities / length^lengthPenalty. */
  score?: number;
}

/** A finished answer; the first of `n` at the top level. */
export interface GenerationResult extends Omit<Choice, "index"> {
  usage: Usage;
  timings: GenerationTimings;
  /** Of each token of the prompt, where `promptLogprobs` asked for it. */
  promptLogprobs?: PromptLogprob[];
  /** All `n` answers. */
  choices: Choice[];
}

/** What a traced run recorded. */
export interface TraceRecord {
  tensors: TraceTensor[];
  /** [steps, V] */
  logits: Float32Array;
}

export type EndEvent = Extract<NativeEvent, { kind: "end" }>;
type Hypothesis = NonNullable<EndEvent["hypotheses"]>[number];
type TokenEvent = Extract<NativeEvent, { kind: "token" }>;

/** One of the answers of a request, as its tokens arrive. */
export class Answer {
  readonly tokens: number[] = [];
  readonly logprobs: TokenLogprob[] = [];
  text = "";
  finishReason: FinishReason | undefined;
  timings: NativeTimings = { queuedMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0 };
  cachedTokens = 0;
  trace: TraceRecord | undefined;
  promptLogprobs: NativePromptLogprobs | undefined;
  private score: number | undefined;
  private readonly decoder;
  private readonly stops: StopStrings;

  constructor(
    readonly index: number,
    tokenizer: Tokenizer,
    stop: readonly string[],
    private readonly minTokens: number,
    private readonly wantsLogprobs: boolean,
  ) {
    this.decoder = tokenizer.stream();
    this.stops = new StopStrings(stop);
  }

  /** Takes a token; undefined if the answer has ended already. `stopped` when a stop string ends it now. */
  push(event: TokenEvent): { chunk: Chunk; stopped: boolean } | undefined {
    if (this.finishReason !== undefined) return undefined;
    const piece = this.decoder.push(event.token);
    this.tokens.push(event.token);
    const mayEnd = this.tokens.length >= this.minTokens;
    const { text, stopped } = mayEnd ? this.stops.push(piece) : { text: piece, stopped: false };
    this.text += text;
    const chunk: Chunk = { text, tokens: [event.token], index: this.index };
    if (this.wantsLogprobs && event.logprob !== undefined) {
      const logprob = { token: event.token, logprob: event.logprob, top: event.top ?? [] };
      this.logprobs.push(logprob);
      chunk.logprobs = [logprob];
    }
    if (stopped) this.finishReason = "stop";
    return { chunk, stopped };
  }

  /** Ends the answer; returns the text that was held back, if any. */
  end(event: EndEvent): Chunk | undefined {
    this.timings = event.timings;
    this.cachedTokens = event.cachedTokens;
    this.promptLogprobs = event.promptLogprobs;
    if (event.trace || event.rawLogits) {
      this.trace = { tensors: event.trace ?? [], logits: event.rawLogits ?? new Float32Array() };
    }
    if (this.finishReason !== undefined) return undefined;
    this.finishReason = event.reason === "error" ? "abort" : event.reason;
    const last = this.stops.push(this.decoder.end());
    const text = last.text + (last.stopped ? "" : this.stops.end());
    this.text += text;
    return text === "" ? undefined : { text, tokens: [], index: this.index };
  }

  /** Takes an answer of a beam search as a whole; there may be none for it. */
  take(event: EndEvent, hypothesis: Hypothesis | undefined): Chunk[] {
    const chunks: Chunk[] = [];
    for (const token of hypothesis?.tokens ?? []) {
      const pushed = this.push({ kind: "token", request: event.request, token });
      if (pushed) chunks.push(pushed.chunk);
    }
    this.score = hypothesis?.score;
    const found = hypothesis?.stopped ? "stop" : "length";
    const last = this.end({ ...event, reason: event.reason === "stop" ? found : event.reason } as EndEvent);
    return last ? [...chunks, last] : chunks;
  }

  choice(): Choice {
    const { index, text, tokens, finishReason = "abort", score } = this;
    return {
      index,
      text,
      tokens,
      finishReason,
      ...(this.wantsLogprobs ? { logprobs: this.logprobs } : {}),
      ...(score === undefined ? {} : { score }),
    };
  }
}

/**
 * An answer under way: iterate over its chunks, or await `result`, or both. Leaving the loop early stops the answer and
 * resolves `result` with what there is; an aborted signal rejects both with its reason; a failure rejects both.
 */
export class Generation implements AsyncIterable<Chunk>, AsyncIterator<Chunk, undefined> {
  /** The whole answer. Never an unhandled rejection if nobody looks. */
  readonly result: Promise<GenerationResult>;
  private readonly chunks: Chunk[] = [];
  /** Callers of `next` that wait for a chunk or the end. */
  private waiting: (() => void)[] = [];
  private state: { done: true; error?: unknown } | undefined;
  private resolve!: (result: GenerationResult) => void;
  private reject!: (error: unknown) => void;
  private onCancel: (() => void) | undefined;
  private signal: AbortSignal | undefined;
  private readonly onAbort = () => {
    this.fail(this.signal?.reason);
    this.onCancel?.();
  };
  /** Set when nothing more is wanted, also before anything was submitted. */
  cancelled = false;

  constructor() {
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.result.catch(() => {});
  }

  /** Ties the generation to a signal. @throws the signal's reason if it is aborted already */
  follow(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.signal = signal;
    signal?.addEventListener("abort", this.onAbort, { once: true });
  }

  /** What stops the work that was submitted. */
  cancelWith(cancel: () => void): void {
    this.onCancel = cancel;
    if (this.cancelled) cancel();
  }

  push(chunk: Chunk): void {
    if (this.state || this.cancelled) return;
    this.chunks.push(chunk);
    this.wake();
  }

  finish(result: GenerationResult): void {
    this.settle({ done: true });
    this.resolve(result);
  }

  fail(error: unknown): void {
    this.cancelled = true;
    this.settle({ done: true, error });
    this.reject(error);
  }

  private settle(state: { done: true; error?: unknown }): void {
    if (this.state) return;
    this.state = state;
    this.signal?.removeEventListener("abort", this.onAbort);
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Chunk, undefined>> {
    for (;;) {
      // An error is told at once; what came before it is in the chunks already taken.
      if (this.state && "error" in this.state) throw this.state.error;
      const chunk = this.chunks.shift();
      if (chunk) return { value: chunk, done: false };
      if (this.state || this.cancelled) return { value: undefined, done: true };
      await new Promise<void>((wake) => this.waiting.push(wake));
    }
  }

  async return(): Promise<IteratorResult<Chunk, undefined>> {
    this.chunks.length = 0;
    if (!this.state) {
      this.cancelled = true;
      this.onCancel?.();
      this.wake();
    }
    return { value: undefined, done: true };
  }
}

/** The error that an `end` event carries. */
export function endError(event: { code?: string; message?: string }): HoneybeeError {
  return new HoneybeeError(
    (event.code ?? "ERR_DEVICE") as HoneybeeError["code"],
    event.message ?? "the engine failed",
  );
}

export function makeResult(
  answers: readonly Answer[],
  prompt: { tokens: number; imageTokens: number },
  before: { loadMs: number; preprocessMs: number },
): GenerationResult {
  const choices = answers.map((answer) => answer.choice());
  const longest = (phase: keyof NativeTimings) => Math.max(...answers.map(({ timings }) => timings[phase]));
  const decodeMs = longest("decodeMs");
  const completionTokens = choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const decoded = completionTokens - choices.filter(({ tokens }) => tokens.length > 0).length;
  const { index: _, ...first } = choices[0]!;
  return {
    ...first,
    usage: {
      promptTokens: prompt.tokens,
      imageTokens: prompt.imageTokens,
      cachedTokens: answers[0]!.cachedTokens,
      completionTokens,
    },
    timings: {
      ...before,
      encodeMs: longest("encodeMs"),
      prefillMs: longest("prefillMs"),
      decodeMs,
      tokensPerSecond: decodeMs > 0 ? (decoded / decodeMs) * 1000 : 0,
    },
    choices,
  };
}
