import type { ReadStream, WriteStream } from "node:tty";

/**
 * How a terminal is given pictures.
 * - kitty: kitty's graphics protocol (kitty, Ghostty)
 * - iterm: iTerm2's inline images (iTerm2, WezTerm)
 * - sixel: DEC's graphics (foot, mlterm, xterm -ti vt340, Windows Terminal, tmux ...)
 * - blocks: half blocks in colour, two pixels a character
 * - none: not at all
 */
export const PROTOCOLS = ["kitty", "iterm", "sixel", "blocks", "none"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Terminals by the value of TERM_PROGRAM, as they document it. */
const PROGRAMS: Readonly<Record<string, Protocol>> = {
  "iTerm.app": "iterm",
  WezTerm: "iterm",
  ghostty: "kitty",
  kitty: "kitty",
};

/** What the environment alone says; undefined if it names no terminal that is known to draw. */
export function protocolByName(env: NodeJS.ProcessEnv): Protocol | undefined {
  const { TERM = "", TERM_PROGRAM, TMUX } = env;
  // A multiplexer hands on the variables of the terminal around it, and not what is drawn.
  if (TMUX || /^(screen|tmux)/.test(TERM)) return undefined;
  if (TERM === "xterm-kitty" || TERM === "xterm-ghostty") return "kitty";
  // A program started from another terminal keeps that one's variables; its own name is the truth.
  if (TERM_PROGRAM) return PROGRAMS[TERM_PROGRAM];
  if (env.KITTY_WINDOW_ID) return "kitty";
  return env.LC_TERMINAL === "iTerm2" ? "iterm" : undefined;
}

/** Long enough for a terminal at the other end of a slow line. */
const ANSWER_MS = 300;
/** Sixel graphics, among the attributes that a terminal reports (xterm's ctlseqs, "Send Device Attributes"). */
const SIXEL_ATTRIBUTE = 4;
/** From here on half blocks have colours: 2 to the power of it. */
const LEAST_DEPTH = 8;

/**
 * How pictures are drawn on a stream: as the environment says; else as the terminal itself says when it is asked for its
 * attributes, which takes at most a third of a second; else in half blocks if it has colours.
 */
export async function findProtocol(
  output: WriteStream,
  input: ReadStream,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Protocol> {
  if (!output.isTTY || env.TERM === "dumb") return "none";
  const named = protocolByName(env);
  if (named) return named;
  // The console of Linux and others of a few colours draw nothing, so they are not asked.
  if (output.getColorDepth(env) < LEAST_DEPTH) return "none";
  const attributes = input.isTTY ? await askAttributes(output, input) : [];
  return attributes.includes(SIXEL_ATTRIBUTE) ? "sixel" : "blocks";
}

/** A terminal's primary device attributes; none if it does not answer in time. What is typed meanwhile stays to be read. */
export async function askAttributes(
  output: Pick<WriteStream, "write">,
  input: Pick<ReadStream, "setRawMode" | "on" | "off" | "pause" | "unshift">,
): Promise<number[]> {
  let read = "";
  let answer: RegExpExecArray | null = null;
  await new Promise<void>((done) => {
    const timer = setTimeout(finish, ANSWER_MS);
    function finish() {
      clearTimeout(timer);
      input.off("data", take);
      input.pause();
      input.setRawMode(false);
      done();
    }
    function take(bytes: Buffer | string) {
      read += bytes.toString("latin1");
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the answer is a control sequence
      answer = /\x1b\[\?([\d;]*)c/.exec(read);
      if (answer) finish();
    }
    input.setRawMode(true);
    input.on("data", take);
    output.write("\x1b[c");
  });
  const found = answer as RegExpExecArray | null;
  const typed = found ? read.replace(found[0], "") : read;
  if (typed !== "") input.unshift(Buffer.from(typed, "latin1"));
  return found ? found[1]!.split(";").map(Number) : [];
}
