import { realpathSync } from "node:fs";
import { resolve, sep } from "node:path";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import type { ImageResolver } from "../openai/request.js";

/**
 * What jobs may name as images: `data:` URLs, and files below `folder` if there is one. Who may write to a queue may not
 * read this machine's other files.
 *
 * @returns a resolver that throws ERR_IMAGE for anything else
 */
export function jobImages(folder: string | undefined): ImageResolver {
  const root = folder === undefined ? undefined : realFolder(folder);
  return (source) => {
    if (/^data:/i.test(source)) return source;
    if (root === undefined || /^[a-z][a-z0-9+.-]+:/i.test(source))
      throw imageError(`${source} is no data: URL${root ? " and no path in the image folder" : ""}`);
    const path = realPath(resolve(root, source), source);
    if (path.startsWith(root === sep ? sep : root + sep)) return path;
    throw imageError(`${source} is outside the image folder`);
  };
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch (error) {
    throw optionError(`the image folder ${folder} cannot be used: ${(error as Error).message}`);
  }
}

function realPath(path: string, source: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw imageError(`${source} is not in the image folder`);
  }
}

function imageError(message: string): HoneybeeError {
  return new HoneybeeError("ERR_IMAGE", message);
}
