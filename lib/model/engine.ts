import { HoneybeeError } from "../errors.js";
import { countGenerating } from "../image/index.js";
import {
  awaitNative,
  callNative,
  type EngineStats,
  type NativeEvent,
  type NativeModel,
  type NativeProfile,
  type NativeRequest,
  native,
} from "../native.js";
import { endError } from "./generation.js";
import type { NativeSpec } from "./spec.js";
import { Turns } from "./turns.js";

/** Receives the events of one request; `end` is the last. */
export interface RequestListener {
  token?(event: Extract<NativeEvent, { kind: "token" }>): void;
  end(event: Extract<NativeEvent, { kind: "end" }>): void;
}

export interface EngineInfo {
  device: string;
  description: string;
  weightBytes: number;
  kvBytes: number;
  kvBlocks: number;
  loadMs: number;
}

/** The native engine as promises and listeners. */
export class Engine {
  private readonly listeners = new Map<number, RequestListener>();
  private nextId = 1;
  private disposing: Promise<void> | undefined;
  private onClosed: (() => void) | undefined;
  private onReady: (() => void) | undefined;
  private onFailed: ((error: unknown) => void) | undefined;
  private onProgress: ((bytes: number) => void) | undefined;
  private readonly native: NativeModel;

  private constructor(spec: NativeSpec) {
    const turns = new Turns<NativeEvent>((event) => this.receive(event));
    this.native = callNative(() => new native.Model(spec, (events) => turns.add(events)));
  }

  /** Loads a model. @throws what loading failed of, or the signal's reason */
  static async load(
    spec: NativeSpec,
    onProgress?: (bytes: number) => void,
    signal?: AbortSignal,
  ): Promise<Engine> {
    signal?.throwIfAborted();
    const engine = new Engine(spec);
    engine.onProgress = onProgress;
    const abort = () => engine.onFailed?.(signal?.reason);
    try {
      await new Promise<void>((resolve, reject) => {
        engine.onReady = resolve;
        engine.onFailed = reject;
        signal?.addEventListener("abort", abort, { once: true });
      });
    } catch (error) {
      await engine.dispose();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      engine.onProgress = undefined;
      engine.onFailed = undefined;
    }
    return engine;
  }

  get isDisposed(): boolean {
    return this.disposing !== undefined;
  }

  info(): EngineInfo {
    return callNative(() => this.native.info());
  }

  /** @throws HoneybeeError ERR_OVERLOADED while a profile is being taken */
  startProfile(mostOps: number): void {
    callNative(() => this.native.startProfile(mostOps));
  }

  /** @throws HoneybeeError ERR_DISPOSED */
  async stopProfile(): Promise<NativeProfile> {
    return JSON.parse(await awaitNative(() => this.native.stopProfile()));
  }

  stats(): EngineStats {
    return callNative(() => this.native.stats());
  }

  /** Queues a request; returns what cancels it. */
  submit(request: Omit<NativeRequest, "id">, listener: RequestListener): () => void {
    if (this.isDisposed)
      throw new HoneybeeError("ERR_DISPOSED", "the model has been disposed; load it again");
    const id = this.nextId++;
    callNative(() => this.native.submit({ ...request, id }));
    this.listeners.set(id, listener);
    countGenerating(1);
    return () => this.native.cancel(id);
  }

  /** Ends what runs with finishReason "abort" and gives the memory back. */
  dispose(): Promise<void> {
    this.disposing ??= new Promise((resolve) => {
      this.onClosed = resolve;
      if (!this.native.dispose()) this.close();
    });
    return this.disposing;
  }

  private receive(event: NativeEvent): void {
    switch (event.kind) {
      case "progress":
        this.report(event.bytes);
        break;
      case "ready":
        this.onReady?.();
        break;
      case "token":
        this.listeners.get(event.request)?.token?.(event);
        break;
      case "end": {
        const listener = this.listeners.get(event.request);
        if (this.listeners.delete(event.request)) countGenerating(-1);
        listener?.end(event);
        break;
      }
      case "closed":
        if (event.reason === "error") this.onFailed?.(endError(event));
        this.close();
    }
  }

  /** Loading fails of what the user's function throws. */
  private report(bytes: number): void {
    try {
      this.onProgress?.(bytes);
    } catch (error) {
      this.onFailed?.(error);
    }
  }

  /** No event follows: requests that have not ended never will. */
  private close(): void {
    const timings = { queuedMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0 };
    for (const [request, listener] of this.listeners) {
      countGenerating(-1);
      listener.end({ kind: "end", request, reason: "abort", timings, cachedTokens: 0 });
    }
    this.listeners.clear();
    this.disposing ??= Promise.resolve();
    this.onClosed?.();
  }
}
