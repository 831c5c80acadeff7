import { availableParallelism } from "node:os";
import { image, loadModel } from "../../dist/lib/index.js";
import { imageRates } from "../support/image-rates.mjs";
import { photograph } from "../support/photograph.mjs";

/**
 * What the runtime gains and costs, on our side alone: one round of it.
 *
 * @typedef {{gain8: number, kvWaste: number, imageAgain: number, prefixAgain: number, imageRate: number,
 *   imageWait: number, scheduler: number}} RuntimeSample
 */

const MODEL = "random:1.1B-C-Abs-M144";
const TOGETHER = 8;
/** Tokens of a prompt and of its answer, as in the comparison of servers. */
export const REQUEST = { prompt: 64, answer: 64 };
const LONG = 512;
const CAPTIONS = 12;

/** A text of that many ids, the BOS counted, for a tokenizer of bytes; no two of one process begin alike. */
let serial = 0;
export function promptOf(tokens) {
  const head = `${process.pid}.${serial++} `.padStart(16, "#");
  return head.padEnd(tokens - 1, "the bee dances ").slice(0, tokens - 1);
}

/** @returns {Promise<RuntimeSample>} */
export async function measureRuntime(threads) {
  const jpeg = await photograph(7);
  const rates = await imageRates(jpeg, { size: 224, images: 100, rounds: 5, atOnce: availableParallelism() });
  const model = await loadModel(MODEL, { weights: "bf16", threads, context: 1024 });
  try {
    await model.generate({ prompt: promptOf(64), maxTokens: 2 }).result; // warms up
    const { gain8, scheduler } = await together(model);
    return {
      gain8,
      scheduler,
      imageRate: rates.rateShare,
      kvWaste: await wasteOf(model),
      ...(await again(model)),
      imageWait: await captions(model),
    };
  } finally {
    await model.dispose();
  }
}

const ask = (model, tokens = REQUEST) =>
  model.generate({ prompt: promptOf(tokens.prompt), maxTokens: tokens.answer, ignoreEos: true }).result;

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Eight requests at once against one after another; scheduling in the time of the former. */
async function together(model) {
  const alone = await timed(async () => {
    for (let i = 0; i < TOGETHER; i++) await ask(model);
  });
  const before = model.stats();
  const atOnce = await timed(() => Promise.all(Array.from({ length: TOGETHER }, () => ask(model))));
  const after = model.stats();
  const busy = after.busyMs - before.busyMs;
  return { gain8: alone / atOnce, scheduler: 1 - (after.modelMs - before.modelMs) / busy };
}

/** The share of positions in used blocks that hold no token, over sequences of 256 to 355 tokens; mean over their answers. */
async function wasteOf(model) {
  const shares = [];
  let held = 0;
  let begun = 0;
  await Promise.all(
    Array.from({ length: TOGETHER }, async (_, i) => {
      const prompt = 256 + 5 * i;
      let mine = 0;
      for await (const { tokens } of model.generate({
        prompt: promptOf(prompt),
        maxTokens: 64,
        ignoreEos: true,
      })) {
        const before = mine;
        if (before === 0) begun++;
        mine = (mine || prompt) + tokens.length;
        held += mine - before;
        const { blocksUsed, running } = model.stats();
        // What a prompt has taken so far is not told, so all of them must have been read.
        if (begun === TOGETHER && running === TOGETHER) shares.push(1 - held / (16 * blocksUsed));
      }
      held -= mine;
    }),
  );
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Time to the first token of an image, and of a long prompt, that were there before: beyond a step, in parts of the first. */
async function again(model) {
  const { result } = model.generate({ prompt: promptOf(16), maxTokens: 17, ignoreEos: true });
  const step = (await result).timings.decodeMs / 16;
  const picture = await photograph(Math.floor(Math.random() * 1e6));
  const first = (request) => timed(() => model.generate({ ...request, maxTokens: 1 }).result);
  const share = async (request) => {
    const once = await first(request);
    const times = [];
    for (let i = 0; i < 3; i++) times.push(await first(request));
    return Math.max(0, times.sort((a, b) => a - b)[1] - step) / once;
  };
  return {
    imageAgain: await share({ prompt: `<image>${promptOf(16)}`, images: [picture] }),
    prefixAgain: await share({ prompt: promptOf(LONG) }),
  };
}

/** The share of a captioning batch in which the engine waited for images. */
async function captions(model) {
  const pictures = await Promise.all(Array.from({ length: CAPTIONS }, (_, i) => photograph(i + 1)));
  const requests = pictures.map((picture) => ({
    messages: [{ role: "user", content: [image(picture), "Describe it."] }],
    maxTokens: 32,
    ignoreEos: true,
  }));
  const batch = model.batch(requests);
  const wall = await timed(async () => {
    for await (const { error } of batch) if (error) throw new Error(error.message);
  });
  return batch.stats.imageWaitMs / wall;
}

/** What these mean, and the aims; of shares less is better but for that of decoding. */
export const RUNTIME_ROWS = {
  gain8: { title: "8 requests at once, tokens/s against one after another", better: "more" },
  kvWaste: { title: "positions of used KV blocks without a token, sequences ≥ 256", share: true, aim: 0.04 },
  imageAgain: { title: "an image that comes again, of its first time", share: true, aim: 0.05 },
  prefixAgain: { title: `a prompt of ${LONG} tokens again, of its first time`, share: true, aim: 0.05 },
  imageRate: {
    title: "640×480 JPEG → 224 px, of the rate of sharp's raw decoding",
    share: true,
    better: "more",
    aim: 0.8,
  },
  imageWait: { title: `waiting for images, of a batch of ${CAPTIONS} captions`, share: true, aim: 0.05 },
  scheduler: { title: "scheduling, of the engine's busy time", share: true, aim: 0.02 },
};
