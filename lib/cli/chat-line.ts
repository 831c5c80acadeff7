import { readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a line of `honeybee chat` asks for: a command, or pictures to look at and something to say, either of which may lack. */
export type ChatLine = { command: string; argument: string } | { files: string[]; text: string };

/** A word as shells write it: quoted, or with backslashes before what is special. */
const WORD = /^(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|((?:[^\s\\'"]|\\.)+))(?=\s|$)\s*/;
const LOOKS_LIKE_PICTURE = /[/\\]|\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;

/**
 * Reads a line. Paths of files at its beginning are pictures, as terminals type them when files are dropped on them
 * (quoted, escaped, or as file: URLs); what else begins with "/" is a command.
 *
 * @param isFile for tests
 */
export function readChatLine(line: string, isFile: (path: string) => boolean = fileExists): ChatLine {
  let rest = line.trim();
  const files: string[] = [];
  // Some terminals quote nothing: then the line may be one path with spaces.
  if (LOOKS_LIKE_PICTURE.test(rest) && isFile(expandPath(rest)))
    return { files: [expandPath(rest)], text: "" };
  for (;;) {
    const word = WORD.exec(rest);
    if (!word) break;
    const path = unquote(word);
    if (!LOOKS_LIKE_PICTURE.test(path) || !isFile(path)) break;
    files.push(path);
    rest = rest.slice(word[0].length);
  }
  const command = files.length === 0 ? /^\/(\S+)(?:\s+(.*))?$/.exec(rest) : null;
  return command ? { command: command[1]!, argument: command[2] ?? "" } : { files, text: rest };
}

/** The file that an argument names, quoted or not. */
export function readPath(argument: string): string {
  const word = WORD.exec(argument);
  return word && word[0].length === argument.length ? unquote(word) : expandPath(argument);
}

function unquote([, single, double, bare]: RegExpExecArray): string {
  if (single !== undefined) return expandPath(single);
  return expandPath((double ?? bare!).replace(/\\(.)/g, "$1"));
}

function expandPath(path: string): string {
  if (path.startsWith("~/")) return join(homedir(), path.slice(2));
  try {
    return path.startsWith("file://") ? fileURLToPath(path) : path;
  } catch {
    return path; // of another machine; whoever opens it says so
  }
}

function fileExists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Tab in `honeybee chat`: commands, and files behind them. */
export function completeChatLine(line: string, commands: readonly string[]): [string[], string] {
  if (/^\/\w*$/.test(line)) return [commands.filter((command) => command.startsWith(line)), line];
  const path = /^\/(?:image|save)\s+(.*)$/.exec(line)?.[1];
  if (path === undefined) return [[], line];
  const folder = path.endsWith("/") ? path : path === "" ? "." : dirname(path);
  const start = path.endsWith("/") ? "" : basename(path);
  try {
    const entries = readdirSync(expandPath(folder), { withFileTypes: true });
    const names = entries
      .filter(({ name }) => name.startsWith(start) && (start !== "" || !name.startsWith(".")))
      .map((entry) => `${entry.name}${entry.isDirectory() ? "/" : ""}`);
    return [names, start];
  } catch {
    return [[], line];
  }
}
