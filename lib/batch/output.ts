import { type FileHandle, open, readFile, rename, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { fileError } from "./file-error.js";
import {
  type BatchIdentity,
  headerRecord,
  type JournalState,
  readJournal,
  type Seal,
  sealRecord,
} from "./journal.js";
import { LineSet } from "./line-set.js";

/** Answers that wait for the disk before `add` makes its caller wait too. */
const MAX_PENDING_BYTES = 2 ** 24;

/** Where answers go; `add` resolves when more may come. */
export interface Output {
  /** @param line of the input @param answer one line of text, without its end */
  add(line: number, answer: string): Promise<void>;
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

export const journalPath = (output: string): string => `${output}.journal`;

/**
 * What a journal beside an output says, after checking the output against it.
 *
 * @returns undefined if there is none
 * @throws HoneybeeError ERR_FILE if either was changed
 */
export async function readState(path: string): Promise<JournalState | undefined> {
  const journal = journalPath(path);
  const bytes = await readFile(journal).catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw fileError(journal, "cannot be read", error);
  });
  const state = bytes && readJournal(bytes, journal);
  if (state && (await crcOf(path, state.end)) !== state.crc) {
    const hint = "put it back, or begin anew with --restart";
    throw fileError(path, `is not what its journal says it holds (${state.end} bytes); ${hint}`);
  }
  return state;
}

/** CRC-32 of the first `end` bytes; undefined if there are fewer. */
async function crcOf(path: string, end: number): Promise<number | undefined> {
  if (end === 0) return 0;
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  let crc = 0;
  let length = 0;
  try {
    for await (const chunk of file.createReadStream({ end: end - 1, highWaterMark: 2 ** 20 })) {
      crc = crc32(chunk as Buffer, crc);
      length += (chunk as Buffer).length;
    }
  } finally {
    await file.close();
  }
  return length === end ? crc : undefined;
}

/** Whether there is something in the file that a new batch would overwrite. */
export async function hasContent(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && (!status.isFile() || status.size > 0);
}

/** Appends answers in groups: one is written and sealed while the next gathers, so the disk is asked twice a group. */
export class JournaledOutput implements Output {
  private pending: { line: number; answer: string }[] = [];
  private pendingBytes = 0;
  private sealing: Promise<void> | undefined;
  private failure: { error: unknown } | undefined;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly journal: FileHandle,
    private end: number,
    private crc: number,
    /** Input lines whose answers are in the output. */
    readonly done: LineSet,
    /** What was read of the input, asked before a group is written. */
    private readonly read: () => Seal["read"],
  ) {}

  /** Begins anew: whatever `path` holds is lost. */
  static async create(
    path: string,
    identity: BatchIdentity,
    read: () => Seal["read"],
  ): Promise<JournaledOutput> {
    const journal = journalPath(path);
    try {
      // The new journal takes the old one's place at once: what the output still holds then counts as unsealed.
      const fresh = await open(`${journal}.new`, "w");
      try {
        await fresh.writeFile(headerRecord(identity));
        await fresh.sync();
      } finally {
        await fresh.close();
      }
      await rename(`${journal}.new`, journal);
    } catch (error) {
      throw fileError(journal, "cannot be written", error);
    }
    return JournaledOutput.append(path, { done: new LineSet(), end: 0, crc: 0 }, read);
  }

  /** Goes on behind the last seal, after cutting off what a kill left. */
  static async resume(path: string, state: JournalState, read: () => Seal["read"]): Promise<JournaledOutput> {
    try {
      await truncate(journalPath(path), state.length);
    } catch (error) {
      throw fileError(journalPath(path), "cannot be written", error);
    }
    return JournaledOutput.append(path, state, read);
  }

  private static async append(
    path: string,
    { done, end, crc }: Pick<JournalState, "done" | "end" | "crc">,
    read: () => Seal["read"],
  ): Promise<JournaledOutput> {
    const opened: FileHandle[] = [];
    try {
      const file = await open(path, "a");
      opened.push(file);
      await file.truncate(end);
      const journal = await open(journalPath(path), "a");
      opened.push(journal);
      await journal.sync();
      await syncFolder(path);
      return new JournaledOutput(path, file, journal, end, crc, done, read);
    } catch (error) {
      for (const handle of opened) await handle.close();
      throw fileError(path, "cannot be written", error);
    }
  }

  async add(line: number, answer: string): Promise<void> {
    if (this.failure) throw this.failure.error;
    this.pending.push({ line, answer });
    this.pendingBytes += answer.length;
    this.sealing ??= this.sealGroups().finally(() => {
      this.sealing = undefined;
    });
    if (this.pendingBytes > MAX_PENDING_BYTES) await this.sealing;
    else this.sealing.catch(() => {});
    if (this.failure) throw (this.failure as { error: unknown }).error;
  }

  async close(): Promise<void> {
    try {
      await this.sealing;
      if (this.failure) throw this.failure.error;
    } finally {
      await this.file.close();
      await this.journal.close();
    }
  }

  private async sealGroups(): Promise<void> {
    try {
      while (this.pending.length > 0) await this.seal();
    } catch (error) {
      this.failure = { error: fileError(this.path, "cannot be written", error) };
      throw this.failure.error;
    }
  }

  private async seal(): Promise<void> {
    const group = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    const read = this.read();
    const bytes = Buffer.from(group.map(({ answer }) => `${answer}\n`).join(""));
    await this.file.writeFile(bytes);
    await this.file.datasync();
    this.end += bytes.length;
    this.crc = crc32(bytes, this.crc);
    const lines = group.map(({ line }) => line);
    await this.journal.writeFile(sealRecord({ lines, end: this.end, crc: this.crc, read }));
    await this.journal.datasync();
    for (const line of lines) this.done.add(line);
  }
}

/** Makes new names in a folder survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Standard output: no journal, a resumed batch answers everything again. */
export class StreamOutput implements Output {
  constructor(private readonly stream: NodeJS.WritableStream) {}

  add(_line: number, answer: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.stream.write(`${answer}\n`, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {}
}
