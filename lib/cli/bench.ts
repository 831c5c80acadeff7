import { chooseDevice } from "../devices.js";
import { HoneybeeError } from "../errors.js";
import type { Model, ModelOptions } from "../index.js";
import { type Cost, decodeCost, encodeCost, prefillCost } from "../model/cost.js";
import { describeModel, type ModelDescription } from "../model/info.js";
import { checkModelOptions } from "../model/options.js";
import { resolveModel } from "../model/resolve.js";
import { achieved, measureRates, type Rates } from "../model/roofline.js";
import { DECODE_SLACK, decodeOnce, encodeOnce, Prompts, prefillOnce } from "./bench-measure.js";
import type { BenchFlags } from "./bench-options.js";
import { emptyReport, markdown, type Report, type Row } from "./bench-report.js";
import { modelOptions } from "./options.js";
import { load, Notes, writeJson } from "./terminal.js";

/**
 * `honeybee bench`: image encoding, prefill and decode at the given lengths, batches and formats; medians of `repeat`
 * runs after a warm-up, beside what the device itself reaches.
 */
export async function bench(name: string, flags: BenchFlags): Promise<void> {
  const notes = new Notes(flags.quiet ?? false);
  const plans = await Promise.all(
    (flags.formats ?? [flags.weights]).map((format) => plan(name, format, flags)),
  );
  const rates = await ratesOf(plans, notes);
  const report = emptyReport(name, flags.repeat, rates);
  for (const { options } of plans) {
    const model = await load(name, options, notes);
    try {
      report.device = model.info.deviceDescription;
      await new Bench(model, await Prompts.of(model), rates, flags, notes).measure(report);
    } finally {
      await model.dispose();
    }
  }
  if (flags.json) writeJson(report);
  else process.stdout.write(markdown(report));
}

/** Tokens of a block of the paged KV cache; requests reserve whole blocks. */
const KV_BLOCK = 16;

/** One loading of the model. */
interface Plan {
  options: ModelOptions;
  description: ModelDescription;
}

/** Makes room for as many requests at once, and as many tokens in each, as the largest row needs. */
async function plan(name: string, weights: string | undefined, flags: BenchFlags): Promise<Plan> {
  const batch = Math.max(...batches(flags));
  const needed = Math.max(
    ...flags.prefill.map(prefillRoom),
    ...flags.decode.map((n) => decodeRoom(n, batch)),
  );
  // The engine keeps memory for 512 tokens a request; here each takes all it may.
  const maxSequences = batch * Math.max(1, Math.ceil(needed / 512));
  const given = { ...modelOptions(flags), weights, maxSequences };
  checkModelOptions(given);
  const resolved = await resolveModel(name, given);
  const { context = resolved.config.text.contextLength } = flags;
  if (needed > context) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `the longest row takes ${needed} tokens, the context has ${context}; choose a shorter --prefill or --decode`,
    );
  }
  const options = { ...given, context: flags.context ?? needed };
  return { options, description: describeModel(resolved, options, chooseDevice(options.device)) };
}

const batches = (flags: BenchFlags) => flags.batch ?? [1];

/** Tokens that a request of a row reserves in the KV cache. */
const prefillRoom = (tokens: number) => tokens + 1;
const decodeRoom = (tokens: number, batch: number) => tokens + 2 + (batch > 1 ? DECODE_SLACK : 0);

async function ratesOf(plans: readonly Plan[], notes: Notes): Promise<Rates> {
  const dtypes = plans.flatMap(({ description: { config, weights } }) =>
    config.vision
      ? [weights.vision, weights.projector, weights.text, weights.head]
      : [weights.text, weights.head],
  );
  const rates = await measureRates(plans[0]!.options, new Set(dtypes));
  for (const [dtype, { copy, read, product }] of Object.entries(rates)) {
    const gigabytes = (rate: number) => `${(rate / 1e9).toFixed(1)} GB/s`;
    notes.say(
      `this device: ${dtype} products ${(product / 1e9).toFixed(1)} GFLOP/s, weight reads ${gigabytes(read)}, copies ${gigabytes(copy)}`,
    );
  }
  return rates;
}

/** The rows of one loaded model. */
class Bench {
  constructor(
    private readonly model: Model,
    private readonly prompts: Prompts,
    private readonly rates: Rates,
    private readonly flags: BenchFlags,
    private readonly notes: Notes,
  ) {}

  /** Adds its rows to the report. */
  async measure(report: Report): Promise<void> {
    const { info } = this.model;
    const { vision } = info.config;
    const { weights } = info;
    for (const batch of batches(this.flags)) {
      if (!vision) break;
      const size = vision.imageSize;
      const row = await this.row(`encode ${size} px`, weights.vision, batch, encodeCost(info, batch), () =>
        encodeOnce(this.model, size, batch),
      );
      report.encode.push({ size, imagesPerSecond: (batch / row.ms) * 1000, ...row });
    }
    for (const batch of batches(this.flags)) {
      for (const tokens of this.flags.prefill) {
        this.checkRoom(batch, prefillRoom(tokens));
        const cost = prefillCost(info, tokens, batch);
        const row = await this.row(`prefill ${tokens}`, weights.text, batch, cost, () =>
          prefillOnce(this.model, this.prompts, tokens, batch),
        );
        report.prefill.push({ tokens, tokensPerSecond: ((batch * tokens) / row.ms) * 1000, ...row });
      }
    }
    for (const batch of batches(this.flags)) {
      for (const tokens of this.flags.decode) {
        this.checkRoom(batch, decodeRoom(tokens, batch));
        const cost = decodeCost(info, tokens, batch);
        const row = await this.row(`decode ${tokens}`, weights.text, batch, cost, () =>
          decodeOnce(this.model, this.prompts, tokens, batch),
        );
        report.decode.push({ tokens, tokensPerSecond: ((batch * tokens) / row.ms) * 1000, ...row });
      }
    }
  }

  /** Times `once` as often as wanted, after a warm-up. */
  private async row(
    what: string,
    format: string,
    batch: number,
    cost: Cost,
    once: () => Promise<number>,
  ): Promise<Row> {
    await once();
    const samplesMs: number[] = [];
    for (let i = 0; i < this.flags.repeat; i++) samplesMs.push(await once());
    const ms = median(samplesMs);
    this.notes.say(
      `${what}, batch ${batch}, ${format}: ${ms.toFixed(1)} ms (${Math.min(...samplesMs).toFixed(1)} to ${Math.max(...samplesMs).toFixed(1)})`,
    );
    return { format, batch, ms, samplesMs, ...achieved(cost, this.rates, ms) };
  }

  /** Requests that have to wait for the KV blocks of others are not a batch. */
  private checkRoom(batch: number, tokens: number): void {
    const { kvBytes, kvBytesPerToken } = this.model.info;
    const needed = batch * Math.ceil(tokens / KV_BLOCK) * KV_BLOCK * kvBytesPerToken;
    if (needed <= kvBytes) return;
    throw new HoneybeeError(
      "ERR_OUT_OF_MEMORY",
      `a batch of ${batch} with ${tokens} tokens each takes ${needed} bytes of KV cache, ${kvBytes} are there; choose a ` +
        "smaller --batch, shorter rows or more --memory",
    );
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
