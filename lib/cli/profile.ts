import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import {
  chromeTrace,
  compareProfiles,
  comparisonTable,
  htmlReport,
  profileTable,
  readProfile,
} from "../profile/index.js";
import { modelOptions, number } from "./options.js";
import { type RunFlags, readImages, requestOf } from "./run.js";
import { interruptSignal, load, Notes, requirePrompt } from "./terminal.js";

export interface ProfileFlags extends RunFlags {
  repeat: number;
  roofs: boolean;
  traceOut?: string;
  html?: string;
  compare?: string[];
}

export function addProfileOptions(command: Command): Command {
  return command
    .option("--repeat <n>", "measured runs after the warm-up", number, 5)
    .option("--no-roofs", "do not measure what the device reaches")
    .option("--json", "the whole profile as one JSON document")
    .option("--trace-out <file>", "a Chrome trace, for Perfetto and chrome://tracing")
    .option("--html <file>", "a report to open in a browser")
    .option("--compare <files...>", "what became slower between two profiles of --json, instead of a run")
    .option("--quiet", "nothing but the result");
}

/** `honeybee profile`: where the time of one request goes, or of two profiles what changed. */
export async function profile(model: string | undefined, flags: ProfileFlags): Promise<void> {
  if (flags.compare) {
    await compare(model, flags.compare, flags.json ?? false);
    return;
  }
  if (model === undefined) throw optionError("MODEL is missing: which model should be profiled?");
  const prompt = requirePrompt(flags.prompt);
  const notes = new Notes(flags.quiet ?? false);
  const images = await readImages(flags.image);
  const signal = interruptSignal();
  const loaded = await load(model, { ...modelOptions(flags), signal }, notes);
  try {
    const { repeat: repeats, roofs } = flags;
    const taken = await loaded.profile({ ...requestOf(prompt, flags, images, signal), repeats, roofs });
    if (taken.isCut)
      notes.say(`only its first ${taken.ops.length} operations are in it; choose fewer --max-tokens`);
    await write(flags.traceOut, () => JSON.stringify(chromeTrace(taken)), notes);
    await write(flags.html, () => htmlReport(taken), notes);
    process.stdout.write(flags.json ? `${JSON.stringify(taken)}\n` : profileTable(taken));
  } finally {
    await loaded.dispose();
  }
}

async function compare(model: string | undefined, files: readonly string[], asJson: boolean): Promise<void> {
  if (model !== undefined || files.length !== 2) {
    throw optionError(
      "--compare takes two files that profile --json wrote, the earlier one first, and no model",
    );
  }
  const [before, after] = await Promise.all(files.map(readProfile));
  const comparison = compareProfiles(before!, after!);
  process.stdout.write(asJson ? `${JSON.stringify(comparison)}\n` : comparisonTable(comparison));
}

async function write(file: string | undefined, text: () => string, notes: Notes): Promise<void> {
  if (file === undefined) return;
  try {
    await writeFile(file, text());
  } catch (error) {
    throw new HoneybeeError("ERR_FILE", `cannot write ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  notes.say(`wrote ${file}`);
}
