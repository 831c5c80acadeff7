import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type BodyBudget, readJson } from "./body.js";
import { asHttpError, ClientGone, type ErrorForm, HttpError } from "./errors.js";
import type { Client } from "./keys.js";
import { onceEnded } from "./socket-end.js";
import { encodeEvents } from "./sse.js";

/** The status that the log gives a request whose client went away. */
const CLIENT_GONE = 499;

/** Bytes of a refused body that are read and dropped for the sake of the connection. */
const MAX_DROPPED = 2 ** 16;

/**
 * How long what a refused client still sends is read and dropped, so that it gets to read the refusal; and how long a client
 * may take to read the end of an answer whose time is over.
 */
const LINGER_MS = 1000;

export interface ExchangeLimits {
  /** Milliseconds for the whole request. */
  requestTimeout: number;
  /** Milliseconds for its body. */
  bodyTimeout: number;
  maxBodyBytes: number;
}

/** One request and its answer. */
export class Exchange {
  readonly id = `req_${randomBytes(12).toString("hex")}`;
  readonly begin = performance.now();
  /** Aborted when the client goes away or the time is over. */
  readonly signal: AbortSignal;
  /** Resolves when the answer was sent, or cannot be any more. */
  readonly closed: Promise<void>;
  /** What the log says of it. */
  readonly facts: Record<string, unknown> = {};
  /** Who asks, where there are keys. */
  client: Client | undefined;
  private readonly controller = new AbortController();
  private readonly cleanups: (() => void)[] = [];
  private status: number | undefined;
  /** What it takes of the budget of bodies. */
  private bodyBytes = 0;

  constructor(
    readonly request: IncomingMessage,
    readonly response: ServerResponse,
    private readonly limits: ExchangeLimits,
    private readonly bodies: BodyBudget,
  ) {
    this.signal = this.controller.signal;
    const { requestTimeout } = limits;
    let timer = setTimeout(() => {
      const message = `the request took longer than the ${requestTimeout / 1000} s that this server gives it`;
      this.controller.abort(new HttpError(504, "timeout", message));
      // Who does not read what was sent gets nothing more.
      timer = setTimeout(() => response.destroy(), LINGER_MS);
    }, requestTimeout);
    const { socket } = request;
    this.closed = new Promise((resolve) => {
      let forget = () => {};
      const onClose = () => {
        clearTimeout(timer);
        response.off("close", onClose);
        forget();
        if (!response.writableFinished) this.controller.abort(new ClientGone("the client went away"));
        resolve();
      };
      // The client may have left while a host did other things first. A response whose turn on its connection has not come
      // is not told that the connection closed.
      if (response.destroyed || socket.destroyed) onClose();
      else {
        response.once("close", onClose);
        forget = onceEnded(socket, onClose);
      }
    });
    response.setHeader("x-request-id", this.id);
  }

  /** Seconds since the request arrived. */
  get seconds(): number {
    return (performance.now() - this.begin) / 1000;
  }

  /** What the log and the metrics call the outcome. */
  get outcome(): number {
    const { reason } = this.signal;
    if (reason instanceof ClientGone) return CLIENT_GONE;
    if (reason instanceof HttpError) return reason.status;
    return this.status ?? this.response.statusCode;
  }

  /** Called when the exchange is over, however it ended. */
  atEnd(cleanup: () => void): void {
    this.cleanups.push(cleanup);
  }

  /** @throws HttpError; the signal's reason */
  json(): Promise<unknown> {
    const { maxBodyBytes: maxBytes, bodyTimeout: timeout } = this.limits;
    return readJson(this.request, { maxBytes, timeout, signal: this.signal }, (bytes) => this.hold(bytes));
  }

  /**
   * Tells of bytes that are held for the request before its answer begins.
   *
   * @throws HttpError 503 when others hold too many
   */
  hold(bytes: number): void {
    this.bodies.take(bytes);
    this.bodyBytes += bytes;
  }

  /** Tells that nothing of them is held any more. */
  releaseBody(): void {
    this.bodies.give(this.bodyBytes);
    this.bodyBytes = 0;
  }

  send(status: number, body: object): void {
    this.sendText(status, JSON.stringify(body), "application/json");
  }

  sendText(status: number, text: string, type: string): void {
    this.response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
    this.response.end(text);
  }

  startEvents(): void {
    this.response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // Proxies of the nginx kind must not gather events.
      "x-accel-buffering": "no",
    });
  }

  /** Writes a piece of a stream. Resolves when the client has read enough for the next. */
  write(text: string): Promise<void> | undefined {
    return this.response.write(text) ? undefined : this.drained();
  }

  private async drained(): Promise<void> {
    this.signal.throwIfAborted();
    await once(this.response, "drain", { signal: this.signal }).catch(() => this.signal.throwIfAborted());
  }

  /**
   * Answers with an error; in a stream, as its last event.
   *
   * @returns what failed, if the log should have it in full
   */
  fail(error: unknown, form: ErrorForm): unknown {
    if (error instanceof ClientGone || this.signal.reason instanceof ClientGone) return undefined;
    const failure = asHttpError(error);
    this.status = failure.status;
    this.facts.error = failure.code;
    const { response } = this;
    if (response.headersSent) {
      response.end(encodeEvents([{ event: "error", data: form(failure) }]));
    } else {
      if (failure.retryAfter !== undefined) response.setHeader("retry-after", failure.retryAfter);
      if (failure.status === 401) response.setHeader("www-authenticate", "Bearer");
      this.dropBody();
      this.send(failure.status, form(failure));
    }
    return failure.status >= 500 ? failure.cause : undefined;
  }

  end(): void {
    this.releaseBody();
    for (const cleanup of this.cleanups.splice(0)) cleanup();
  }

  /** What is left of the body of a refused request is not wanted; if that is much, nor is the connection. */
  private dropBody(): void {
    const { request, response } = this;
    const { "content-length": length, "transfer-encoding": encoding } = request.headers;
    if (request.complete || (length === undefined && encoding === undefined)) return;
    const isLittle = Number(length) <= MAX_DROPPED && this.status !== 408;
    if (!isLittle) response.setHeader("connection", "close");
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), LINGER_MS);
    request.once("close", () => clearTimeout(timer));
  }
}
