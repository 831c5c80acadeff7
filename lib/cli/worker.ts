import { type Command, Option } from "commander";
import { checkWorkerOptions, withoutPassword } from "../queue/options.js";
import { loadPackages } from "../queue/packages.js";
import { type QueueWorker, startWorker } from "../queue/worker.js";
import {
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  modelOptions,
  number,
  promptOptions,
} from "./options.js";
import { stopSignal } from "./stop-signal.js";
import { Interrupted, load, Notes } from "./terminal.js";

export interface WorkerFlags extends ModelFlags, GenerationFlags {
  queue: string;
  name: string;
  concurrency?: number;
  imageFolder?: string;
  raw?: boolean;
  lock?: number;
  maxStalls?: number;
  log?: "json" | "pretty" | "none";
  quiet?: boolean;
}

export function addWorkerOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--queue <url>", "redis:// or rediss:// of Redis or Valkey")
        .env("HONEYBEE_QUEUE")
        .makeOptionMandatory(),
    )
    .option("--name <name>", "of the queue", "honeybee")
    .option("--concurrency <n>", "jobs at work at once; default: --max-sequences", number)
    .option("--image-folder <folder>", "below which jobs may name images; else data: URLs only")
    .option("--raw", "prompts exactly as given, <image> where images go")
    .option("--lock <seconds>", "without a sign of life, then jobs go on elsewhere (default 30)", number)
    .option("--max-stalls <n>", "workers that may end with a job before it fails (default 25)", number)
    .addOption(new Option("--log <form>", "of jobs, on standard error").choices(["json", "pretty", "none"]))
    .option("--quiet", "no notes; the log stays");
}

/** `honeybee worker`: answers the jobs of a queue until SIGTERM or Ctrl-C, then finishes what runs. */
export async function worker(model: string, flags: WorkerFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const options = {
    url: flags.queue,
    name: flags.name,
    concurrency: flags.concurrency,
    imageFolder: flags.imageFolder,
    defaults: { ...generationOptions(flags), ...promptOptions(flags), ...(flags.raw && { raw: true }) },
    lockSeconds: flags.lock,
    maxStalls: flags.maxStalls,
    log: flags.log === "none" ? (false as const) : (flags.log ?? (process.stderr.isTTY ? "pretty" : "json")),
  };
  // What can be wrong is told before the model is loaded.
  checkWorkerOptions(options);
  await loadPackages();
  const stopping = stopSignal();
  const loaded = await load(model, { ...modelOptions(flags), signal: stopping.now }, notes);
  let taking: QueueWorker | undefined;
  try {
    taking = await startWorker(loaded, { ...options, signal: stopping.now });
    notes.say(`taking jobs from "${flags.name}" of ${withoutPassword(flags.queue)}`);
    const signal = await stopping.asked;
    notes.say("stopping: jobs at work are finished; the same signal again gives them back");
    stopping.now.addEventListener("abort", async () => {
      await taking?.close({ now: true });
      // What BullMQ still waits for does not hold the process.
      setTimeout(() => process.exit(), 1000).unref();
    });
    await taking.close();
    if (signal === "SIGINT") throw new Interrupted();
  } finally {
    await loaded.dispose();
    if (taking) {
      const { answered, failed, givenBack } = taking.stats;
      notes.say(`${answered} jobs answered, ${failed} failed, ${givenBack} given back`);
    }
  }
}
