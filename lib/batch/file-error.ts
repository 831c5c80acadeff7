import { HoneybeeError } from "../errors.js";

const REASONS: Record<string, string> = {
  ENOSPC: "the disk is full; free some space and run the same command again: it goes on where it stopped",
  EDQUOT:
    "the disk quota is used up; free some space and run the same command again: it goes on where it stopped",
  EFBIG: "the file would grow beyond the largest size that is allowed here",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "part of its path is a file",
  EISDIR: "it is a folder",
  EIO: "the device reports an error",
};

/** An ERR_FILE that names the file, what could not be done, and why. */
export function fileError(path: string, what: string, cause?: unknown): HoneybeeError {
  if (cause instanceof HoneybeeError) return cause;
  if (cause === undefined) return new HoneybeeError("ERR_FILE", `${path} ${what}`);
  const { code, message } = cause as NodeJS.ErrnoException;
  return new HoneybeeError("ERR_FILE", `${path} ${what}: ${REASONS[code ?? ""] ?? message}`, { cause });
}
