import { loadModel, type Model } from "../index.js";
import { type ModelFlags, modelOptions } from "./options.js";
import { Notes, writeJson } from "./terminal.js";

export interface BenchFlags extends ModelFlags {
  images?: number;
  prefill: number[];
  decode: number[];
  repeat: number;
  json?: boolean;
  quiet?: boolean;
}

interface EncodeRow {
  size: number;
  ms: number;
  imagesPerSecond: number;
}
interface TokenRow {
  tokens: number;
  ms: number;
  tokensPerSecond: number;
  /** Decode only: bytes of weights read a second. */
  gigabytesPerSecond?: number;
}
interface Report {
  model: string;
  device: string;
  weights: string;
  repeat: number;
  encode: EncodeRow[];
  prefill: TokenRow[];
  decode: TokenRow[];
}

/** `honeybee bench`: image encoding, prefill and decode at batch 1; medians of `repeat` runs after a warm-up. */
export async function bench(name: string, flags: BenchFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const model = await loadModel(name, { ...modelOptions(flags), maxSequences: 1 });
  try {
    const report = await measure(model, name, flags, notes);
    if (flags.json) writeJson(report);
    else process.stdout.write(table(report));
  } finally {
    await model.dispose();
  }
}

async function measure(model: Model, name: string, flags: BenchFlags, notes: Notes): Promise<Report> {
  const { info } = model;
  const report: Report = {
    model: name,
    device: info.deviceDescription,
    weights: info.weights.text,
    repeat: flags.repeat,
    encode: [],
    prefill: [],
    decode: [],
  };
  const median = async (label: string, once: () => Promise<number>) => {
    await once();
    const times: number[] = [];
    for (let i = 0; i < flags.repeat; i++) times.push(await once());
    times.sort((a, b) => a - b);
    const middle = times[times.length >> 1]!;
    notes.say(`${label}: ${middle.toFixed(1)} ms (${times[0]!.toFixed(1)} to ${times.at(-1)!.toFixed(1)})`);
    return middle;
  };
  const size = info.config.vision?.imageSize;
  if (size !== undefined) {
    const data = noise(size);
    const encode = () => timed(() => model.encodeImage({ data, width: size, height: size, channels: 3 }));
    const ms = await median(`encode ${size} px`, encode);
    report.encode.push({ size, ms, imagesPerSecond: 1000 / ms });
  }
  for (const tokens of flags.prefill) {
    const ms = await median(`prefill ${tokens}`, async () => (await generate(model, tokens, 1)).prefillMs);
    report.prefill.push({ tokens, ms, tokensPerSecond: (tokens / ms) * 1000 });
  }
  for (const tokens of flags.decode) {
    const ms = await median(`decode ${tokens}`, async () => (await generate(model, 1, tokens + 1)).decodeMs);
    // Each token reads the decoder's weights once; the embedding table only in one row.
    const { text } = info.config;
    const read = info.parameters.text - (text.tieWordEmbeddings ? 0 : text.vocabSize * text.hiddenSize);
    const bytes = read * (info.weights.text === "f32" ? 4 : 2);
    const tokensPerSecond = (tokens / ms) * 1000;
    report.decode.push({ tokens, ms, tokensPerSecond, gigabytesPerSecond: (bytes * tokensPerSecond) / 1e9 });
  }
  return report;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Runs a prompt of that many tokens and generates others; the engine's own times. */
async function generate(model: Model, promptTokens: number, maxTokens: number) {
  const prompt = promptOfLength(model, promptTokens);
  const { timings, usage } = await model.generate({ prompt, maxTokens, ignoreEos: true }).result;
  if (usage.promptTokens !== promptTokens)
    throw new Error(`the prompt has ${usage.promptTokens} tokens, not ${promptTokens}`);
  return timings;
}

/** A text of exactly that many tokens, BOS included. */
function promptOfLength(model: Model, tokens: number): string {
  let text = "";
  const length = (candidate: string) => model.tokenizer.encode(candidate).length + 1;
  while (tokens > 1 && length(`${text}a`) <= tokens) text += "a";
  for (const letter of "bcdefghijklmnopqrstuvwxyz0123456789") {
    while (tokens > 1 && length(text) < tokens && length(text + letter) <= tokens) text += letter;
  }
  return text;
}

/** Deterministic pixels. */
function noise(size: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: size * size * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function table(report: Report): string {
  const lines = [
    `${report.model}, ${report.weights}, ${report.device}, median of ${report.repeat}`,
    "",
    "| what | time | rate |",
    "|---|---|---|",
  ];
  for (const { size, ms, imagesPerSecond } of report.encode)
    lines.push(`| encode ${size} px | ${ms.toFixed(1)} ms | ${imagesPerSecond.toFixed(2)} images/s |`);
  for (const { tokens, ms, tokensPerSecond } of report.prefill)
    lines.push(`| prefill ${tokens} | ${ms.toFixed(1)} ms | ${tokensPerSecond.toFixed(1)} tokens/s |`);
  for (const { tokens, ms, tokensPerSecond, gigabytesPerSecond } of report.decode) {
    lines.push(
      `| decode ${tokens} | ${(ms / tokens).toFixed(1)} ms a token | ${tokensPerSecond.toFixed(1)} tokens/s, ${gigabytesPerSecond!.toFixed(1)} GB/s of weights |`,
    );
  }
  return `${lines.join("\n")}\n`;
}
