import { type AnyImage, type ChatRequest, type GenerateRequest, image } from "../index.js";
import { type OutputTensor, writeTensors } from "../trace.js";
import {
  type GenerationFlags,
  generationOptions,
  type ModelFlags,
  modelOptions,
  promptOptions,
} from "./options.js";
import { interruptSignal, load, Notes, readStdin, requirePrompt, writeJson } from "./terminal.js";

export interface RunFlags extends ModelFlags, GenerationFlags {
  image?: string[];
  prompt?: string;
  raw?: boolean;
  trace?: string;
  json?: boolean;
  quiet?: boolean;
}

/** `honeybee run`: one answer, streamed. */
export async function run(model: string, flags: RunFlags): Promise<void> {
  const prompt = requirePrompt(flags.prompt);
  const notes = new Notes(flags.quiet ?? false);
  const images = await readImages(flags.image);
  const signal = interruptSignal();
  const loaded = await load(model, { ...modelOptions(flags), signal }, notes);
  try {
    const request = requestOf(prompt, flags, images, signal);
    const generation = "messages" in request ? loaded.chat(request) : loaded.generate(request);
    let ended = true;
    for await (const { text, index } of generation) {
      if (flags.json || index > 0) continue;
      process.stdout.write(text);
      if (text !== "") ended = text.endsWith("\n");
    }
    const result = await generation.result;
    const { trace, choices, ...answer } = result as typeof result & { trace?: { tensors: OutputTensor[] } };
    if (flags.trace && trace) await writeTensors(flags.trace, [...trace.tensors]);
    if (flags.json) {
      writeJson(choices.length > 1 ? { ...answer, choices } : answer);
      return;
    }
    for (const { text } of choices.slice(1)) process.stdout.write(`\n---\n${text}`);
    if (!ended || choices.length > 1) process.stdout.write("\n");
    const { usage, timings } = result;
    notes.say(
      `${usage.promptTokens} prompt tokens (${usage.imageTokens} of images) in ${Math.round(timings.encodeMs + timings.prefillMs)} ms, ` +
        `${usage.completionTokens} tokens at ${timings.tokensPerSecond.toFixed(1)}/s, ended by ${result.finishReason}`,
    );
  } finally {
    await loaded.dispose();
  }
}

/** Images as the options name them, `-` being standard input. */
export function readImages(files: readonly string[] = []): Promise<AnyImage[]> {
  return Promise.all(files.map(async (file) => (file === "-" ? await readStdin() : file)));
}

/** What `run` asks the model. */
export function requestOf(
  text: string,
  flags: RunFlags,
  images: readonly AnyImage[],
  signal: AbortSignal,
): ChatRequest | GenerateRequest {
  const options = { ...generationOptions(flags), ...(flags.trace ? { trace: true } : {}), signal };
  const { encoding, ...prompt } = promptOptions(flags);
  const withEncoding = encoding ? { encoding } : {};
  if (flags.raw) return { prompt: text, images, ...withEncoding, ...options };
  const content = [...images.map((source) => image(source as string)), text];
  return { messages: [{ role: "user", content }], ...prompt, ...withEncoding, ...options };
}
