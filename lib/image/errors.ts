import { HoneybeeError } from "../errors.js";

/** An ERR_IMAGE whose message begins with the image's name: its path, or "image 2 (Buffer, 120 bytes)". */
export function imageError(name: string, what: string, cause?: unknown): HoneybeeError {
  return new HoneybeeError("ERR_IMAGE", `${name}: ${what}`, cause === undefined ? undefined : { cause });
}

/** What a failure of sharp, zlib or the addon is to the caller: out of memory, or `what` and its first line. */
export function asImageError(error: unknown, name: string, what: string): HoneybeeError {
  if (error instanceof HoneybeeError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const reason = String(message ?? error).split("\n")[0]!;
  if (code === "ERR_OUT_OF_MEMORY" || /out of memory|allocation failed/i.test(reason)) {
    const advice = "not enough memory for its pixels; shrink it, or set maxImagePixels lower";
    return new HoneybeeError("ERR_OUT_OF_MEMORY", `${name}: ${advice}`, { cause: error });
  }
  return imageError(name, `${what}: ${reason}`, error);
}
