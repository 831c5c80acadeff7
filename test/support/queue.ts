// Jobs of a queue as their producer sees them, and workers as processes.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { goldenPath, repositoryRoot } from "./paths.js";

const MAIN = join(repositoryRoot, "dist", "lib", "cli", "main.js");

/** The producer's end of a queue. */
export class Producer {
  readonly queue: Queue;
  readonly redis: Redis;

  constructor(url: string, name = "honeybee") {
    this.redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
    this.queue = new Queue(name, { connection: this.redis });
    // Tests take Redis away.
    this.queue.on("error", () => {});
  }

  async add(id: string, data: object, options: object = {}): Promise<void> {
    await this.queue.add("ask", data, { jobId: id, ...options });
  }

  /** A job that has ended, well or not. */
  async ended(id: string) {
    for (;;) {
      const job = await this.queue.getJob(id);
      if (job?.finishedOn !== undefined) return job;
      await new Promise((wake) => setTimeout(wake, 10));
    }
  }

  /** How often each job was completed, as the queue itself tells of it. */
  async completions(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const [, fields] of await this.redis.xrange(this.queue.toKey("events"), "-", "+")) {
      const field = (name: string) => fields[fields.indexOf(name) + 1]!;
      if (field("event") !== "completed") continue;
      counts.set(field("jobId"), (counts.get(field("jobId")) ?? 0) + 1);
    }
    return counts;
  }

  async close(): Promise<void> {
    await this.queue.close();
    this.redis.disconnect();
  }
}

/** `honeybee worker` as a process. */
export class WorkerProcess {
  stderr = "";
  readonly child: ChildProcess;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(url: string, model = goldenPath("models", "cabs-new"), ...more: string[]) {
    const options = ["--weights", "f32", "--ignore-eos", "--threads", "1", "--lock", "0.5", "--log", "json"];
    this.child = spawn(process.execPath, [MAIN, "worker", model, ...options, ...more], {
      env: { ...process.env, HONEYBEE_QUEUE: url },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      this.child.once("exit", (code, signal) => resolve(code ?? signal!));
    });
  }

  /** Waits until it has said something. @throws if it ended before */
  async said(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(this.stderr);
      await new Promise((wake) => setTimeout(wake, 5));
    }
  }
}
