import { checkNames, checkNumber, checkSignal, optionError } from "../check.js";
import type { GenerationOptions } from "../model/options.js";
import { checkGeneration } from "../model/options.js";
import { PROMPT_NAMES, type PromptOptions } from "../model/prompt.js";
import type { LogOption } from "../server/log.js";

export interface QueueWorkerOptions {
  /** Of Redis or Valkey: `redis://user:password@host:6379/0`, `rediss://` with TLS. */
  url: string;
  /** Of the queue. Default "honeybee". */
  name?: string | undefined;
  /** Jobs at work at once, at most the model's `maxSequences`, which is the default. */
  concurrency?: number | undefined;
  /** Folder below which jobs may name images as paths. Default: they may send them as `data:` URLs only. */
  imageFolder?: string | undefined;
  /** Generation and prompt options of jobs that do not give their own; `raw`: prompts exactly as given. */
  defaults?: (Omit<GenerationOptions, "signal"> & PromptOptions & { raw?: boolean }) | undefined;
  /** Seconds without a sign of life after which jobs of a worker go on elsewhere. Default 30. */
  lockSeconds?: number | undefined;
  /** How many workers may end with a job at work on them before it fails. Default 25. */
  maxStalls?: number | undefined;
  /** A record for each job and for what happens to the connection. Default: none. */
  log?: LogOption | undefined;
  /** Gives up connecting. */
  signal?: AbortSignal | undefined;
}

export interface CheckedWorker {
  url: string;
  name: string;
  concurrency: number | undefined;
  imageFolder: string | undefined;
  defaults: Record<string, unknown> & { raw?: boolean };
  lockMs: number;
  maxStalls: number;
  log: LogOption;
  signal: AbortSignal | undefined;
}

const NAMES = [
  "url",
  "name",
  "concurrency",
  "imageFolder",
  "defaults",
  "lockSeconds",
  "maxStalls",
  "log",
  "signal",
] as const satisfies (keyof QueueWorkerOptions)[];

/** @throws HoneybeeError ERR_OPTION naming the option at fault; the URL is not repeated, since it may hold a password */
export function checkWorkerOptions(options: QueueWorkerOptions): CheckedWorker {
  checkNames(options, NAMES, "worker option");
  const { url, name = "honeybee", imageFolder, defaults = {}, log = false } = options;
  if (!["redis:", "rediss:"].includes(URL.canParse(url) ? new URL(url).protocol : ""))
    throw optionError("the queue's URL must begin with redis:// or, for TLS, rediss://");
  if (typeof name !== "string" || name === "" || name.includes(":"))
    throw optionError(`the queue's name must be a text without colons, not ${JSON.stringify(name)}`);
  if (imageFolder !== undefined && (typeof imageFolder !== "string" || imageFolder === ""))
    throw optionError(`imageFolder must be a path, not ${JSON.stringify(imageFolder)}`);
  checkGeneration(defaults as GenerationOptions, [...PROMPT_NAMES, "raw"]);
  return {
    url,
    name,
    concurrency: checkNumber("concurrency", options.concurrency),
    imageFolder,
    defaults: defaults as CheckedWorker["defaults"],
    lockMs: 1000 * (checkNumber("lockSeconds", options.lockSeconds) ?? 30),
    maxStalls: checkNumber("maxStalls", options.maxStalls) ?? 25,
    log,
    signal: checkSignal(options.signal),
  };
}

/** A URL as it may be shown. */
export function withoutPassword(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
