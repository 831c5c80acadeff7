import { once } from "node:events";
import { Worker } from "node:worker_threads";

/** What generate-worker.ts says. */
export type WorkerMessage =
  | { kind: "loaded"; loadMs: number }
  | { kind: "generating" }
  | { kind: "done"; tokens: number[]; finishReason: string };

/** A worker thread that generates `maxTokens` tokens with its own handle on cabs-new. */
export class GeneratingWorker {
  private readonly worker: Worker;
  private readonly messages: WorkerMessage[] = [];

  constructor(maxTokens: number) {
    this.worker = new Worker(new URL("./generate-worker.js", import.meta.url), { workerData: { maxTokens } });
    this.worker.on("message", (message: WorkerMessage) => this.messages.push(message));
  }

  /** The message of this kind, once it is there. @throws what ended the worker before */
  async message<K extends WorkerMessage["kind"]>(kind: K): Promise<Extract<WorkerMessage, { kind: K }>> {
    for (;;) {
      const found = this.messages.find((message) => message.kind === kind);
      if (found) return found as Extract<WorkerMessage, { kind: K }>;
      await once(this.worker, "message");
    }
  }

  terminate(): Promise<number> {
    return this.worker.terminate();
  }

  /** Resolves when the thread has ended by itself. */
  async ended(): Promise<number> {
    const [code] = (await once(this.worker, "exit")) as [number];
    return code;
  }
}
