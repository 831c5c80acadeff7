import { HoneybeeError } from "../errors.js";

/** A checkpoint that cannot be used; `message` names the file or tensor, the expectation and the remedy. */
export function checkpointError(message: string, cause?: unknown): HoneybeeError {
  return new HoneybeeError("ERR_CHECKPOINT", message, cause === undefined ? undefined : { cause });
}

/** Text from untrusted files is cut before it goes into a message. */
export function shorten(text: string, limit = 120): string {
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** A name from an untrusted file, printable and in quotes. */
export function quote(name: string): string {
  return JSON.stringify(shorten(name));
}

/** A value of parsed JSON as it stands in the file; "nothing" for an absent one. */
export function show(value: unknown): string {
  try {
    return shorten(JSON.stringify(value) ?? "nothing");
  } catch {
    return "a value nested too deeply to print"; // stringify recurses where parse does not
  }
}
