import { crc32 } from "node:zlib";
import { HoneybeeError } from "../errors.js";
import { LineSet } from "./line-set.js";

/**
 * The journal of a batch, a text file beside its output. Every record is a line, `CRC-32 of the JSON, in hex` `JSON`. The
 * first says what the batch is; each other one seals a group of answers, and is written when their bytes are on the disk:
 *
 *     write answers → fsync output → write record → fsync journal
 *
 * So whatever a record says is true. A kill leaves at most one torn record at the end of the journal and bytes behind the
 * last seal in the output; both are cut off, and the lines they belonged to are answered again.
 */

/** What a batch is: a resumed one must be the same. Each value is compared by its JSON. */
export type BatchIdentity = Record<string, unknown>;

interface Header {
  honeybeeBatch: 1;
  identity: BatchIdentity;
}

/** A group of answers that are safely in the output. */
export interface Seal {
  /** Input lines answered. */
  lines: number[];
  /** Where their answers end in the output. */
  end: number;
  /** CRC-32 of the output up to there. */
  crc: number;
  /** What was read of the input by then. */
  read: { bytes: number; sha256: string };
}

/** What a journal says. */
export interface JournalState {
  identity: BatchIdentity;
  done: LineSet;
  end: number;
  crc: number;
  read: Seal["read"];
  /** Bytes of the journal that are whole records. */
  length: number;
}

export function headerRecord(identity: BatchIdentity): string {
  return record({ honeybeeBatch: 1, identity } satisfies Header);
}

export function sealRecord(seal: Seal): string {
  return record(seal);
}

function record(value: object): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, "0");
}

/** The value of a record, undefined if it is damaged. */
function parseRecord(line: string): unknown {
  const json = line.slice(9);
  if (line.slice(0, 9) !== `${checksum(json)} `) return undefined;
  return JSON.parse(json);
}

/**
 * Reads a journal up to its last whole record.
 *
 * @returns undefined if not even the first record is whole: nothing was sealed then
 * @throws HoneybeeError ERR_FILE if a damaged record has whole ones behind it, which no kill leaves
 */
export function readJournal(bytes: Buffer, name: string): JournalState | undefined {
  let state: JournalState | undefined;
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf("\n", start);
    const value = newline < 0 ? undefined : parseRecord(bytes.toString("utf8", start, newline));
    if (value === undefined) {
      if (newline >= 0 && holdsRecord(bytes, newline + 1)) {
        throw new HoneybeeError(
          "ERR_FILE",
          `${name}: damaged at byte ${start}, in the middle; begin anew with --restart`,
        );
      }
      break;
    }
    if (!state) {
      const { identity } = value as Header;
      state = { identity, done: new LineSet(), end: 0, crc: 0, read: { bytes: 0, sha256: "" }, length: 0 };
    } else {
      const { lines, end, crc, read } = value as Seal;
      for (const line of lines) state.done.add(line);
      Object.assign(state, { end, crc, read });
    }
    start = newline + 1;
    state.length = start;
  }
  return state;
}

function holdsRecord(bytes: Buffer, from: number): boolean {
  const lines = bytes.toString("utf8", from).split("\n");
  return lines.slice(0, -1).some((line) => parseRecord(line) !== undefined);
}
