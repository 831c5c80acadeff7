import { SingleBar } from "cli-progress";
import { HoneybeeError, loadModel, type Model, type ModelOptions } from "../index.js";

/** What may be said besides the answer: stdout carries answers only, everything else goes to stderr. */
export class Notes {
  constructor(readonly quiet: boolean) {}

  say(text: string): void {
    if (!this.quiet) process.stderr.write(`${text}\n`);
  }
}

/** Loads a model, showing how far it is: a bar on a terminal, one line otherwise. */
export async function load(model: string, options: ModelOptions, notes: Notes): Promise<Model> {
  if (notes.quiet) return loadModel(model, options);
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: "loading {bar} {percentage}%", stream: process.stderr, clearOnComplete: true })
    : undefined;
  bar?.start(100, 0);
  try {
    const loaded = await loadModel(model, {
      ...options,
      onProgress: (fraction) => bar?.update(Math.round(fraction * 100)),
    });
    bar?.stop();
    const { loadMs, weightBytes, deviceDescription } = loaded.info;
    notes.say(
      `loaded ${model}: ${megabytes(weightBytes)} of weights in ${(loadMs / 1000).toFixed(2)} s on ${deviceDescription}`,
    );
    if (model.startsWith("random:"))
      notes.say("its weights are random: it answers with noise, but at the real speed");
    return loaded;
  } finally {
    bar?.stop();
  }
}

export function megabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The whole of standard input. */
export async function readStdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Aborted by Ctrl-C. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(new Interrupted()));
  return controller.signal;
}

/** The user pressed Ctrl-C: exit code 130, no message. */
export class Interrupted extends Error {}

export function writeJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** @throws HoneybeeError ERR_OPTION when there is none; said here so that a misspelt option is named first */
export function requirePrompt(prompt: string | undefined): string {
  if (prompt !== undefined) return prompt;
  throw new HoneybeeError("ERR_OPTION", "--prompt is missing: what should the model be asked?");
}
