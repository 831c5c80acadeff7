import type { Job, Worker, WorkerOptions } from "bullmq";
import type { BullMq } from "./packages.js";

type Process = (job: Job, token: string | undefined, lost: AbortSignal | undefined) => Promise<object>;

/** BullMQ's worker with what it does not tell, and with an end that needs no Redis. */
export interface Taking extends Worker<unknown, object> {
  /** Jobs taken whose end Redis does not know yet. */
  readonly atWork: number;
  /** Stops what would go on by the clock. */
  abandon(): Promise<void>;
}

/** Begins to take jobs. */
export function startTaking(
  { Worker }: BullMq,
  name: string,
  process: Process,
  options: WorkerOptions,
): Taking {
  class TakingWorker extends Worker<unknown, object> implements Taking {
    atWork = 0;

    // It returns when the end of the job is stored, or is another's to store.
    override async processJob(
      ...args: Parameters<Worker<unknown, object>["processJob"]>
    ): ReturnType<Worker<unknown, object>["processJob"]> {
      this.atWork++;
      try {
        return await super.processJob(...args);
      } finally {
        this.atWork--;
      }
    }

    async abandon(): Promise<void> {
      await this.pause(true);
      await this.lockManager.close();
    }
  }
  // BullMQ looks at the number of parameters for whether a signal is wanted.
  return new TakingWorker(name, (job, token, lost) => process(job, token, lost), options);
}
