/** Every failure that honeybee itself reports. The codes are part of the public interface. */
export type ErrorCode =
  | "ERR_OPTION"
  | "ERR_IMAGE"
  | "ERR_CHECKPOINT"
  | "ERR_TOKENIZER"
  | "ERR_CONTEXT_LENGTH"
  | "ERR_OUT_OF_MEMORY"
  | "ERR_DEVICE"
  | "ERR_DISPOSED"
  | "ERR_OVERLOADED"
  /** A file of requests or results that cannot be read or written. */
  | "ERR_FILE";

/**
 * The one error class of the package. The message names the thing at fault, what was expected,
 * and what to do; `code` is stable and meant for programs.
 */
export class HoneybeeError extends Error {
  override readonly name = "HoneybeeError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
