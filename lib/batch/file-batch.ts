import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import type { Model } from "../model/model.js";
import { answerLine } from "./answers.js";
import { fileError } from "./file-error.js";
import { type Job, type JobOptions, JobReader } from "./jobs.js";
import type { BatchIdentity, JournalState } from "./journal.js";
import { LineReader } from "./lines.js";
import { hasContent, JournaledOutput, type Output, readState, StreamOutput } from "./output.js";
import type { BatchRequest, BatchStats } from "./types.js";

/** Standard input or standard output. */
export const STANDARD = "-";

const CHUNK_BYTES = 2 ** 20;

export interface FileBatchOptions {
  /** What the batch is: a journal with another identity is not resumed. */
  identity: BatchIdentity;
  defaults: JobOptions["defaults"];
  /** Lines `index`, `index + count`, …, counted from 1. */
  shard: { index: number; count: number };
  /** Begin anew whatever there is. */
  restart: boolean;
  signal: AbortSignal;
}

/** How far a batch of files is. */
export interface FileBatchProgress extends BatchStats {
  /** Lines that an earlier run answered. */
  resumed: number;
  /** Bytes of the input that were read, and that there are; 0 for standard input. */
  bytesRead: number;
  bytesTotal: number;
}

/** Requests in one file, answers in another, and a journal beside it. */
export class FileBatch {
  private stats: BatchStats | undefined;
  /** Answers to lines that were no requests. */
  private refused = 0;
  private resumed = 0;
  private reader: LineReader | undefined;
  private bytesTotal = 0;

  constructor(
    private readonly input: string,
    private readonly output: string,
    private readonly options: FileBatchOptions,
  ) {}

  progress(): FileBatchProgress {
    const { stats, refused, resumed, reader, bytesTotal } = this;
    const none = { images: 0, promptTokens: 0, completionTokens: 0, imageWaitMs: 0 };
    const { answered, failed, ...sums } = stats ?? { answered: 0, failed: 0, ...none };
    const bytesRead = reader?.position ?? 0;
    return {
      ...sums,
      answered: answered + refused,
      failed: failed + refused,
      resumed,
      bytesRead,
      bytesTotal,
    };
  }

  /**
   * Finds what an earlier run left, before anything expensive is done.
   *
   * @throws HoneybeeError ERR_FILE, ERR_OPTION when it cannot be gone on with
   */
  async open(): Promise<JournalState | undefined> {
    const { input, output, options } = this;
    if (input !== STANDARD) {
      const file = await openInput(input);
      this.bytesTotal = (await file.stat()).size;
      await file.close();
    }
    if (output === STANDARD || options.restart) return undefined;
    const state = await readState(output);
    if (!state) {
      if (!(await hasContent(output))) return undefined;
      throw optionError(
        `${output} exists and has no journal beside it; name another output, or overwrite it with --restart`,
      );
    }
    checkIdentity(state.identity, options.identity, output);
    if (state.read.bytes > 0) await this.checkInput(state.read);
    return state;
  }

  /** Answers what is not answered yet. @throws HoneybeeError; the signal's reason */
  async run(model: Model, state: JournalState | undefined): Promise<void> {
    const { input, options } = this;
    const source =
      input === STANDARD ? process.stdin : createReadStream(input, { highWaterMark: CHUNK_BYTES });
    const reader = new LineReader(source);
    this.reader = reader;
    const output = await this.openOutput(state, reader);
    const jobs = new Map<number, Job>();
    try {
      const batch = model.batch(this.requests(reader, state, jobs, output), { signal: options.signal });
      this.stats = batch.stats;
      for await (const result of batch) {
        const job = jobs.get(result.id as number)!;
        jobs.delete(job.line);
        await output.add(job.line, answerLine(job, result, model));
      }
    } catch (error) {
      // What is answered is kept; a failure to keep it would be the second one.
      await output.close().catch(() => {});
      throw error;
    }
    await output.close();
  }

  private async openOutput(state: JournalState | undefined, reader: LineReader): Promise<Output> {
    if (this.output === STANDARD) return new StreamOutput(process.stdout);
    const read = () => ({ bytes: reader.position, sha256: reader.digest() });
    if (!state) return JournaledOutput.create(this.output, this.options.identity, read);
    // Until the new run has read as far as the last one did, what that one read is what counts.
    const furthest = () => (reader.position >= state.read.bytes ? read() : state.read);
    return JournaledOutput.resume(this.output, state, furthest);
  }

  /** The requests of this shard that nobody answered; lines that are none are answered here. */
  private async *requests(
    reader: LineReader,
    state: JournalState | undefined,
    jobs: Map<number, Job>,
    output: Output,
  ): AsyncGenerator<BatchRequest> {
    const { defaults, shard } = this.options;
    const folder = this.input === STANDARD ? "." : dirname(this.input);
    const jobReader = new JobReader({ folder, defaults });
    const answered = state?.done;
    const lines = reader[Symbol.asyncIterator]();
    for (;;) {
      const next = await lines.next().catch((error) => {
        throw fileError(this.input, "cannot be read", error);
      });
      if (next.done) return;
      const line = next.value;
      const job = jobReader.read(line);
      if (answered?.has(line.number)) {
        this.resumed++;
        if (line.start < state!.read.bytes && line.end > state!.read.bytes) throw this.changed(line.number);
        continue;
      }
      if (!job || (line.number - shard.index) % shard.count !== 0) continue;
      const { request } = job;
      if (request instanceof HoneybeeError) {
        this.refused++;
        const { code, message } = request;
        await output.add(job.line, answerLine(job, { error: { code, message } }, NO_MODEL));
        continue;
      }
      jobs.set(job.line, job);
      yield { ...request, id: job.line };
    }
  }

  /** @throws HoneybeeError ERR_OPTION unless the input still begins with what was read of it */
  private async checkInput({ bytes, sha256 }: JournalState["read"]): Promise<void> {
    if (this.input === STANDARD) throw optionError("standard input cannot be gone on with; use --restart");
    const hash = createHash("sha256");
    if (this.bytesTotal >= bytes) {
      const stream = createReadStream(this.input, { end: bytes - 1, highWaterMark: CHUNK_BYTES });
      for await (const chunk of stream) hash.update(chunk as Buffer);
    }
    if (hash.digest("base64") !== sha256) throw this.changed();
  }

  private changed(line?: number): HoneybeeError {
    const where = line === undefined ? "" : ` in line ${line}, which was answered`;
    return optionError(
      `${this.input} is not what ${this.output} was begun with: it changed${where}; put it back, name another output, or begin anew with --restart`,
    );
  }
}

/** Error lines do not look at the model. */
const NO_MODEL = {} as Pick<Model, "info" | "tokenizer">;

async function openInput(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    // Opening a folder works; reading it does not.
    if ((await file.stat()).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
    return file;
  } catch (error) {
    await file?.close();
    throw fileError(path, "cannot be read", error);
  }
}

/** @throws HoneybeeError ERR_OPTION naming what differs */
function checkIdentity(was: BatchIdentity, is: BatchIdentity, output: string): void {
  for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const [before, now] = [JSON.stringify(was[name]), JSON.stringify(is[name])];
    if (before === now) continue;
    throw optionError(
      `${output} was begun with ${name} ${before ?? "not given"}, and now it is ${now ?? "not given"}; use the same, name another output, or begin anew with --restart`,
    );
  }
}
