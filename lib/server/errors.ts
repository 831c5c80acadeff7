import { type ErrorCode, HoneybeeError } from "../errors.js";
import { errorBody } from "../openai/response.js";

/** Longest message of an error: what it quotes of the request may be as long as the request. */
const MAX_MESSAGE = 600;

/** A refusal or failure in the terms of HTTP. */
export class HttpError extends Error {
  /**
   * @param code OpenAI's word for it where there is one
   * @param retryAfter seconds after which trying again makes sense
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Why work stops when nobody waits for it any more; no status, for nobody reads it. */
export class ClientGone extends Error {}

const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_OPTION: 400,
  ERR_IMAGE: 400,
  ERR_CONTEXT_LENGTH: 400,
  ERR_OUT_OF_MEMORY: 503,
  ERR_DISPOSED: 503,
  // The engine gives up what takes longer than its `timeout`.
  ERR_OVERLOADED: 504,
};

/** What a client may know of a failure. Those that are nobody's refusal are told without details. */
export function asHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error;
  if (error instanceof HoneybeeError) {
    const code = error.code === "ERR_CONTEXT_LENGTH" ? "context_length_exceeded" : error.code;
    return new HttpError(STATUS[error.code] ?? 500, code, error.message, undefined, { cause: error });
  }
  if (error instanceof RangeError && /call stack/.test(error.message))
    return new HttpError(400, "invalid_body", "the body is nested too deeply");
  return new HttpError(500, "internal_error", "the server failed; its log says of what", undefined, {
    cause: error,
  });
}

/** How an API words errors. */
export type ErrorForm = (error: HttpError) => object;

export const openaiError: ErrorForm = ({ status, code, message }) =>
  errorBody(code, shortened(message), openaiType(status));

export const anthropicError: ErrorForm = ({ status, message }) => ({
  type: "error",
  error: { type: anthropicType(status), message: shortened(message) },
});

function shortened(message: string): string {
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE)}…`;
}

function openaiType(status: number): string {
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

function anthropicType(status: number): string {
  const types: Record<number, string> = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
  };
  return types[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}
