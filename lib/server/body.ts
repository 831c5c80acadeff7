import type { IncomingMessage } from "node:http";
import { ClientGone, HttpError } from "./errors.js";

export interface BodyLimits {
  maxBytes: number;
  /** Milliseconds to send it in. */
  timeout: number;
  signal: AbortSignal;
}

/** Bytes of all bodies that are being read or used, so that many large ones cannot fill the memory. */
export class BodyBudget {
  private held = 0;

  constructor(private readonly most: number) {}

  /** @throws HttpError 503 */
  take(bytes: number): void {
    if (this.held + bytes > this.most) {
      const message = "the bodies of other requests fill this server's memory; try again later";
      throw new HttpError(503, "overloaded", message, 1);
    }
    this.held += bytes;
  }

  give(bytes: number): void {
    this.held -= bytes;
  }
}

/**
 * The JSON body of a request. Limits hold while it arrives, whatever its header announced.
 *
 * @param take told of the bytes that arrived; may refuse them
 * @throws HttpError 400, 408, 413, 415; what `take` throws; the signal's reason
 */
export async function readJson(
  request: IncomingMessage,
  limits: BodyLimits,
  take: (bytes: number) => void,
): Promise<unknown> {
  checkHeaders(request, limits.maxBytes);
  // A framework's own parser may have been here before.
  const parsed = (request as { body?: unknown }).body;
  if (parsed !== undefined && request.readableEnded) return parsed;
  const bytes = await readBytes(request, limits, take);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(400, `the body is not JSON in UTF-8: ${(error as Error).message}`);
  }
}

function checkHeaders({ headers }: IncomingMessage, maxBytes: number): void {
  const { "content-type": type = "none", "content-encoding": encoding = "identity" } = headers;
  // Pages of other origins may send plain text without being asked whether they may.
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw invalid(415, `the body's content-type must be application/json, not ${type}`);
  if (encoding !== "identity")
    throw invalid(415, `content-encoding ${encoding} is not understood; send the body as it is`);
  if (Number(headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
}

async function readBytes(
  request: IncomingMessage,
  { maxBytes, timeout, signal }: BodyLimits,
  take: (bytes: number) => void,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer);
      request.off("data", onData).off("end", onEnd).off("error", onError);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = setTimeout(
      () => settle(invalid(408, `the body did not arrive within ${timeout / 1000} s`)),
      timeout,
    );
    const onAbort = () => settle(signal.reason);
    const onEnd = () => settle();
    const onError = () => settle(new ClientGone("the client went away"));
    const onData = (part: Buffer) => {
      length += part.length;
      try {
        if (length > maxBytes) throw tooLarge(maxBytes);
        take(part.length);
        parts.push(part);
      } catch (error) {
        settle(error);
      }
    };
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("data", onData).on("end", onEnd).on("error", onError);
    if (signal.aborted) onAbort();
  });
  return Buffer.concat(parts, length);
}

function invalid(status: number, message: string): HttpError {
  return new HttpError(status, "invalid_body", message);
}

function tooLarge(maxBytes: number): HttpError {
  return invalid(413, `the body has more than the ${maxBytes} bytes that this server reads`);
}
