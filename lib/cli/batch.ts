import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { FileBatch, STANDARD } from "../batch/file-batch.js";
import { claimOutput } from "../batch/lock.js";
import { optionError } from "../check.js";
import { checkGeneration } from "../model/options.js";
import { progressOf } from "./batch-progress.js";
import {
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  modelOptions,
  promptOptions,
} from "./options.js";
import { ProgressView } from "./progress-view.js";
import { interruptSignal, load, Notes } from "./terminal.js";

export interface BatchFlags extends ModelFlags, GenerationFlags {
  raw?: boolean;
  shard?: { index: number; count: number };
  restart?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Model options that change answers; the others may differ between a batch and its continuation. */
const IDENTITY_OPTIONS = ["weights", "kv", "context", "tokenizer", "visualTokens", "maxImagePixels"] as const;

function shard(text: string): { index: number; count: number } {
  const match = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(text);
  const [index, count] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || index > count)
    throw new InvalidArgumentError("expected I/N, such as 1/4 for the first of four.");
  return { index, count };
}

export function addBatchOptions(command: Command): Command {
  return command
    .option("--raw", "prompts exactly as given, <image> where images go")
    .option("--shard <i/n>", "only every n-th line, from the i-th on", shard)
    .option("--restart", "begin anew, whatever the output holds")
    .option("--json", "a summary as one JSON document on standard output")
    .option("--quiet", "no notes and no progress");
}

/** `honeybee batch`: many requests from a JSONL file, answers in another, resumable. */
export async function batch(model: string, input: string, output: string, flags: BatchFlags): Promise<void> {
  if (flags.json && output === STANDARD) throw optionError("--json and answers cannot share standard output");
  if (output !== STANDARD && resolve(input) === resolve(output))
    throw optionError(`${output} is the input; name another output`);
  const defaults = { ...generationOptions(flags), ...promptOptions(flags), ...(flags.raw && { raw: true }) };
  checkGeneration(generationOptions(flags));
  const notes = new Notes(flags.quiet ?? false);
  const signal = interruptSignal();
  const files = new FileBatch(input, output, {
    identity: await identityOf(model, flags, defaults),
    defaults,
    shard: flags.shard ?? { index: 1, count: 1 },
    restart: flags.restart ?? false,
    signal,
  });
  const release = output === STANDARD ? undefined : await claimOutput(output);
  try {
    const state = await files.open();
    if (state) notes.say(`${output}: ${state.done.size} lines are answered; going on`);
    const loaded = await load(model, { ...modelOptions(flags), signal }, notes);
    const view = new ProgressView((seconds) => progressOf(files.progress(), seconds), notes);
    try {
      await files.run(loaded, state);
    } finally {
      view.stop();
      await loaded.dispose();
    }
    const seconds = view.seconds();
    const progress = files.progress();
    notes.say(`${progressOf(progress, seconds).text} in ${seconds.toFixed(1)} s`);
    if (flags.json) {
      const { bytesRead: _read, bytesTotal: _total, ...summary } = progress;
      process.stdout.write(`${JSON.stringify({ ...summary, seconds }, null, 2)}\n`);
    }
  } finally {
    await release?.();
  }
}

/** All that answers depend on. */
async function identityOf(
  model: string,
  flags: BatchFlags,
  defaults: object,
): Promise<Record<string, unknown>> {
  const options = modelOptions(flags);
  const chosen = Object.fromEntries(IDENTITY_OPTIONS.map((name) => [name, options[name]]));
  const { index, count } = flags.shard ?? { index: 1, count: 1 };
  const path = await realpath(model).catch(() => model);
  return { model: path, ...chosen, ...defaults, shard: `${index}/${count}` };
}
