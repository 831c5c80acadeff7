import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "bullmq";
import { answerOf } from "../batch/answers.js";
import { describeFields, type RequestOptions, readRequest } from "../batch/request.js";
import type { BatchRequest } from "../batch/types.js";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import type { Generation, GenerationResult } from "../model/generation.js";
import type { ChatRequest, GenerateRequest, Model } from "../model/model.js";
import { objectOf } from "../openai/fields.js";
import { type Log, openLog } from "../server/log.js";
import { Connection } from "./connection.js";
import { jobImages } from "./images.js";
import { type CheckedWorker, checkWorkerOptions, type QueueWorkerOptions } from "./options.js";
import { type BullMq, loadPackages } from "./packages.js";
import { endOfAttempt, retriesOf } from "./retries.js";
import { startTaking, type Taking } from "./taking.js";

/** How often a job tells how far it is. */
const PROGRESS_MS = 1000;
/** How often a worker that stops looks whether Redis is back. */
const POLL_MS = 50;
/** How long a worker that must stop at once tries to give its jobs back. */
const GIVE_BACK_MS = 5000;

/** What a worker needs of its model. */
export type WorkerModel = Pick<Model, "chat" | "generate" | "info" | "tokenizer">;

/** What became of the jobs that a worker took. */
export interface WorkerStats {
  answered: number;
  /** For good: their requests can never be answered, or every attempt is used up. */
  failed: number;
  /** Attempts that failed and will be made again, here or elsewhere. */
  retried: number;
  /** Given back unanswered, since this worker stops. */
  givenBack: number;
}

/**
 * Takes jobs from a BullMQ queue as long as it is not closed, never more at once than the engine runs. A job is delivered at
 * least once: what a worker that dies had at work goes on elsewhere. Its answer is kept under its id, by whoever still holds
 * it then, so that none counts twice.
 */
export class QueueWorker {
  readonly stats: WorkerStats = { answered: 0, failed: 0, retried: 0, givenBack: 0 };
  private readonly worker: Taking;
  private readonly requests: RequestOptions;
  /** Aborted when jobs at work are to be given back. */
  private readonly stopping = new AbortController();
  private closing = false;
  private closed: Promise<void> | undefined;

  /** Used by startWorker. */
  constructor(
    private readonly model: WorkerModel,
    private readonly connection: Connection,
    private readonly bullmq: BullMq,
    private readonly log: Log,
    options: CheckedWorker & { concurrency: number },
  ) {
    this.requests = { imageOf: jobImages(options.imageFolder), defaults: options.defaults };
    const process = (job: Job, token?: string, lost?: AbortSignal) => this.process(job, token!, lost!);
    this.worker = startTaking(bullmq, options.name, process, {
      connection: connection.redis,
      concurrency: options.concurrency,
      lockDuration: options.lockMs,
      stalledInterval: options.lockMs,
      maxStalledCount: options.maxStalls,
      // After a lost connection; the default is 15 s.
      runRetryDelay: 1000,
    });
    this.worker.on("completed", (job) => this.told(job, "answered"));
    this.worker.on("failed", (job, error) => {
      if (job) this.told(job, job.finishedOn === undefined ? "retried" : "failed", error);
    });
    this.worker.on("lockRenewalFailed", (ids) => {
      // Somebody else has them now.
      for (const id of ids) this.worker.cancelJob(id, "lost");
    });
    this.worker.on("error", (error) => {
      // The connection tells of itself.
      if ("syscall" in error || error.message === bullmq.CONNECTION_CLOSED_ERROR_MSG) return;
      log("error", "queue", { message: error.message });
    });
  }

  /**
   * Takes no more jobs and resolves when those at work are answered. With `now` they are stopped and given back instead.
   * May be called again, to have it sooner.
   */
  async close({ now = false }: { now?: boolean } = {}): Promise<void> {
    this.closing = true;
    if (now) this.stopping.abort(new Error("the worker stops"));
    this.closed ??= this.finish();
    await (now ? Promise.race([this.closed, sleep(GIVE_BACK_MS, undefined, { ref: false })]) : this.closed);
    await this.worker.abandon();
    this.connection.end();
  }

  /** BullMQ waits for what is at work, but also for a Redis that is away, where there is nothing to tell it. */
  private async finish(): Promise<void> {
    const { connection, worker, stopping } = this;
    const isVain = () =>
      worker.atWork === 0 ? !connection.isWhole : stopping.signal.aborted && !connection.isReady;
    let over = false;
    const closed = worker.close().finally(() => {
      over = true;
    });
    while (!over && !isVain()) await Promise.race([closed, sleep(POLL_MS)]);
  }

  /** Answers a job. What it throws says what becomes of the job. */
  private async process(job: Job, token: string, lost: AbortSignal): Promise<object> {
    if (this.closing) return this.giveBack(job, token);
    try {
      const fields = objectOf(job.data, "the data of a job");
      const { form, idField, id = job.id } = describeFields(fields);
      if (typeof id !== "string" && !Number.isFinite(id))
        throw optionError(`${idField} must be a text or a number`);
      const asked = { line: 0, id: id as string | number, form };
      const request = readRequest(fields, form, this.requests);
      const signal = AbortSignal.any([lost, this.stopping.signal]);
      const result = await this.answer(job, { ...request, signal });
      // Nobody here ends an answer in silence: the model was disposed.
      if (result.finishReason === "abort") throw new HoneybeeError("ERR_DISPOSED", "the model was disposed");
      return answerOf(asked, result, this.model);
    } catch (error) {
      const isDisposed = error instanceof HoneybeeError && error.code === "ERR_DISPOSED";
      if (isDisposed) void this.close();
      if (isDisposed || this.stopping.signal.aborted) return this.giveBack(job, token);
      Object.assign(job.opts, retriesOf(job.opts));
      throw endOfAttempt(error, this.bullmq);
    }
  }

  private async answer(job: Job, request: BatchRequest): Promise<GenerationResult> {
    const generation = this.start(request);
    let tokens = 0;
    let told = performance.now();
    let telling = false;
    for await (const chunk of generation) {
      tokens += chunk.tokens.length;
      if (telling || performance.now() - told < PROGRESS_MS) continue;
      told = performance.now();
      telling = true;
      // Where it does not arrive the answer is no worse.
      job
        .updateProgress({ tokens })
        .catch(() => {})
        .finally(() => {
          telling = false;
        });
    }
    return generation.result;
  }

  private start({ id: _, ...request }: BatchRequest): Generation {
    return "messages" in request
      ? this.model.chat(request as ChatRequest)
      : this.model.generate(request as GenerateRequest);
  }

  /** The job waits again, first in the line, and no attempt is counted. */
  private async giveBack(job: Job, token: string): Promise<never> {
    await job.moveToWait(token);
    this.stats.givenBack++;
    this.log("info", "job", { job: job.id, status: "given back" });
    throw new this.bullmq.WaitingError();
  }

  private told(job: Job, status: "answered" | "failed" | "retried", error?: Error): void {
    this.stats[status]++;
    const ms = job.processedOn === undefined ? undefined : Date.now() - job.processedOn;
    const facts = { job: job.id, status, attempt: job.attemptsMade, ms };
    this.log(error ? "error" : "info", "job", { ...facts, ...(error && { message: error.message }) });
  }
}

/**
 * Connects to a queue and takes jobs from it. A job's data are a request as a line of `honeybee batch` has it, its result is
 * the answer to such a line. A job whose request can never be answered fails at once, one that met a passing trouble is
 * tried again, as often as its `attempts` say.
 *
 * @throws HoneybeeError ERR_OPTION for a wrong option, a missing package, a refused password
 */
export async function startWorker(model: WorkerModel, options: QueueWorkerOptions): Promise<QueueWorker> {
  const checked = checkWorkerOptions(options);
  const { maxSequences } = model.info;
  const { concurrency = maxSequences } = checked;
  if (concurrency > maxSequences) {
    throw optionError(
      `concurrency is ${concurrency}, and the engine runs ${maxSequences} requests at once; raise maxSequences too`,
    );
  }
  const { bullmq, ioredis } = await loadPackages();
  const log = openLog(checked.log);
  const connection = await Connection.open(ioredis, checked.url, log, checked.signal);
  try {
    return new QueueWorker(model, connection, bullmq, log, { ...checked, concurrency });
  } catch (error) {
    connection.end();
    throw error;
  }
}
