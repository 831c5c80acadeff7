// Beam search against Hugging Face's (golden/generation): every case gives the same tokens, all of them together in one
// engine, also when blocks run out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openCheckpoint } from "../lib/checkpoint/index.js";
import { listDevices } from "../lib/devices.js";
import type { GenerationOptions, ModelOptions } from "../lib/index.js";
import { Engine } from "../lib/model/engine.js";
import { checkGeneration } from "../lib/model/options.js";
import { type NativeSpec, nativeSpec } from "../lib/model/spec.js";
import { type NativeRequest, native } from "../lib/native.js";
import { byteTokenizer } from "../lib/tokenizer/index.js";
import { loadGolden, SHORT_PROMPT } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";
import { float32Tensor, loadTensors, writeSafetensors } from "./support/safetensors.js";

interface Params {
  max_new_tokens: number;
  num_beams?: number;
  num_return_sequences?: number;
  length_penalty?: number;
  early_stopping?: boolean | "never";
  no_repeat_ngram_size?: number;
  repetition_penalty?: number;
  min_new_tokens?: number;
}
type Input =
  | { kind: "ids" | "embeds-of-ids"; ids: number[] }
  | { kind: "embeds"; row: number }
  | { kind: "batch"; batch: number[][] };
interface Case {
  name: string;
  input: Input;
  params: Params;
  tokens: number[][];
  scores?: number[];
}

const folder = goldenPath("generation");
const cases = readFileSync(join(folder, "beam.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);
const embeds = loadTensors(join(folder, "beam-embeds.safetensors")).get("inputs_embeds")!;
const EOS = 2;

/** The model with a tower of zeros before it, whose images have as many visual tokens as the golden embeddings. */
async function specWithEmbeds(scratch: string, options: ModelOptions): Promise<NativeSpec> {
  const checkpoint = await openCheckpoint(join(folder, "beam-model"));
  const [, positions, width] = embeds.shape as [number, number, number];
  const half = [0.5, 0.5, 0.5] as [number, number, number];
  const config = {
    ...checkpoint.config,
    vision: {
      ...{ hiddenSize: 32, intermediateSize: 32, layers: 1, heads: 1, layerNormEps: 1e-5 },
      ...{ imageSize: 14 * Math.sqrt(positions), patchSize: 14, imageMean: half, imageStd: half },
      activation: "quick_gelu" as const,
    },
    projector: {
      ...{
        type: "mlp" as const,
        featureLayers: [1],
        outputSize: width,
        visualTokens: positions,
        eosTokens: 0,
      },
      ...{
        posEmb: false,
        prenorm: false,
        hiddenSize: 32,
        depth: 1,
        mlpDepth: 0,
        heads: 0,
        points: 0,
        ffnSize: 0,
      },
      ...{ pooledTarget: "none" as const, activation: "silu" as const, layerNormEps: 1e-5 },
    },
  };
  const resolved = {
    name: "beams",
    config,
    tokenizer: byteTokenizer(400),
    layout: "",
    notes: [],
    checkpoint,
  };
  const bare = nativeSpec(resolved, options);
  const extra = native
    .listTensors({ vision: config.vision, projector: config.projector, text: config.text }, bare.weights)
    .filter(({ name }) => !checkpoint.tensors.has(name));
  const file = join(scratch, "zeros.safetensors");
  const data = extra.map(({ shape }) =>
    float32Tensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1))),
  );
  writeSafetensors(file, Object.fromEntries(extra.map(({ name }, i) => [name, data[i]!])));
  let offset = 8 + Number(readFileSync(file).readBigUInt64LE());
  const tensors = new Map(checkpoint.tensors);
  for (const [i, { name, shape }] of extra.entries()) {
    const byteLength = data[i]!.data.length;
    tensors.set(name, { name, dtype: "F32", shape, file: checkpoint.files.length, offset, byteLength });
    offset += byteLength;
  }
  const files = [...checkpoint.files, file];
  return nativeSpec({ ...resolved, checkpoint: { ...checkpoint, files, tensors } }, options);
}

/** Each golden case as requests; a batch is several. */
function requestsOf({ input, params }: Case): Omit<NativeRequest, "id">[] {
  const options: GenerationOptions = {
    maxTokens: params.max_new_tokens,
    ...(params.num_return_sequences !== undefined && { n: params.num_return_sequences }),
    ...(params.num_beams !== undefined && { beams: params.num_beams }),
    ...(params.length_penalty !== undefined && { lengthPenalty: params.length_penalty }),
    ...(params.early_stopping !== undefined && { earlyStopping: params.early_stopping }),
    ...(params.no_repeat_ngram_size !== undefined && { noRepeatNgramSize: params.no_repeat_ngram_size }),
    ...(params.repetition_penalty !== undefined && { repetitionPenalty: params.repetition_penalty }),
    ...(params.min_new_tokens !== undefined && { minTokens: params.min_new_tokens }),
  };
  const { sampling, maxTokens, minTokens, beams, n } = checkGeneration(options);
  const common = {
    ...sampling,
    temperature: 0,
    maxTokens,
    minTokens,
    ...beams,
    answers: n,
    stopTokens: [EOS],
  };
  if (input.kind === "embeds") {
    const size = embeds.shape[1]! * embeds.shape[2]!;
    const tokens = (embeds.data as Float32Array).slice(input.row * size, (input.row + 1) * size);
    return [{ ...common, ids: new Int32Array(embeds.shape[1]!).fill(-1), images: [{ tokens }] }];
  }
  const prompts = input.kind === "batch" ? input.batch : [input.ids];
  return prompts.map((prompt) => {
    const ids = Int32Array.from(prompt);
    return { ...common, ids, images: [], history: input.kind === "embeds-of-ids" ? undefined : ids };
  });
}

/** The answers of a request: tokens with the end token, and scores of beams. */
function answersOf(engine: Engine, request: Omit<NativeRequest, "id">) {
  return new Promise<{ tokens: number[]; score?: number }[]>((resolve, reject) => {
    const tokens: number[] = [];
    engine.submit(request, {
      token: (event) => tokens.push(event.token),
      end: ({ hypotheses, ...event }) => {
        if (event.reason === "error") reject(new Error(event.message));
        const ended = (list: Iterable<number>, stopped: boolean) => [...list, ...(stopped ? [EOS] : [])];
        if (!hypotheses) return resolve([{ tokens: ended(tokens, event.reason === "stop") }]);
        resolve(hypotheses.map(({ tokens, score, stopped }) => ({ tokens: ended(tokens, stopped), score })));
      },
    });
  });
}

const withoutPadding = (tokens: number[]) => {
  const end = tokens.indexOf(EOS);
  return end < 0 ? tokens : tokens.slice(0, end + 1);
};

async function compareAll(t: Test, spec: NativeSpec): Promise<number> {
  const engine = await Engine.load(spec);
  await Promise.all(
    cases.map(async (golden, index) => {
      const answers = (
        await Promise.all(requestsOf(golden).map((request) => answersOf(engine, request)))
      ).flat();
      const label = `${index}: ${golden.name} ${JSON.stringify(golden.params)}`;
      t.same(
        answers.map(({ tokens }) => tokens),
        golden.tokens.map(withoutPadding),
        label,
      );
      for (const [i, { score }] of answers.entries())
        if (score !== undefined) t.ok(Math.abs(score - golden.scores![i]!) < 1e-3, `score of ${label}`);
    }),
  );
  const { preemptions, blocksUsed } = engine.stats();
  t.equal(blocksUsed, 0, "no block is lost");
  await engine.dispose();
  return preemptions;
}

t.test("every golden case, all at once", async (t) => {
  await compareAll(t, await specWithEmbeds(t.testdir(), { weights: "f32", kv: "f32" }));
});

t.test("every golden case where blocks run out", async (t) => {
  const roomy = await Engine.load(await specWithEmbeds(t.testdir(), { weights: "f32", kv: "f32" }));
  const { weightBytes, kvBytes, kvBlocks } = roomy.info();
  await roomy.dispose();
  const memory = weightBytes + 24 * (kvBytes / kvBlocks);
  const options = { weights: "f32", kv: "f32", memory, maxSequences: 12, context: 64 } as const;
  const spec = await specWithEmbeds(t.testdir(), options);
  // Which requests meet depends on when they arrive; one that has to give way is not long in coming.
  let preemptions = 0;
  for (let run = 0; run < 3 && preemptions === 0; run++) preemptions = await compareAll(t, spec);
  t.ok(preemptions > 0, "some were computed again");
});

t.test(
  "the kernels of the GPU, in f32",
  { skip: !listDevices().some(({ name }) => name === "simt") },
  async (t) => {
    const engine = await Engine.load(
      await specWithEmbeds(t.testdir(), { weights: "f32", kv: "f32", device: "simt" }),
    );
    for (const golden of cases
      .filter(({ params }) => (params.num_beams ?? 1) > 1 && params.max_new_tokens <= 10)
      .slice(0, 12)) {
      const [answers] = await Promise.all(requestsOf(golden).map((request) => answersOf(engine, request)));
      t.same(
        answers!.map(({ tokens }) => tokens),
        golden.tokens.map(withoutPadding),
        golden.name,
      );
    }
    await engine.dispose();
  },
);

t.test("beams are an option like others; their answers come whole", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 8 });
  const request = { prompt: SHORT_PROMPT, maxTokens: 12, beams: 4, n: 3, ignoreEos: true };
  const generation = model.generate(request);
  const streamed = ["", "", ""];
  for await (const { text, index } of generation) streamed[index] += text;
  const { choices, usage, text } = await generation.result;
  t.same(
    choices.map((choice) => choice.text),
    streamed,
  );
  t.equal(text, choices[0]!.text);
  t.equal(usage.completionTokens, 36);
  const scores = choices.map(({ score }) => score!);
  t.same(
    scores,
    scores.toSorted((a, b) => b - a),
    "best first",
  );
  t.same(new Set(choices.map(({ finishReason }) => finishReason)), new Set(["length"]));
  // The score is the mean log-probability of the tokens.
  const { tokens, logprobs } = await model.generate({
    prompt: SHORT_PROMPT,
    maxTokens: 12,
    ignoreEos: true,
    logprobs: 0,
  }).result;
  const greedy = logprobs!.reduce((sum, { logprob }) => sum + logprob, 0) / tokens.length;
  t.ok(scores[0]! > greedy - 1e-4, "no worse than the greedy answer");
  const again = await Promise.all([1, 2, 3].map(() => model.generate(request).result));
  for (const other of again) t.same(other.choices, choices, "the same beside others");
  t.same((await model.generate({ ...request, maxTokens: 0 }).result).tokens, []);
  await model.dispose();
});

t.test("beams beside what they cannot have are refused", async (t) => {
  const model = await loadGolden("cabs-new", { maxSequences: 4 });
  const wrong: [GenerationOptions, RegExp][] = [
    [{ beams: 0 }, /beams must be an integer from 1/],
    [{ beams: 2, n: 3 }, /n is 3, more than the 2/],
    [{ beams: 2, temperature: 1 }, /no temperature/],
    [{ beams: 2, topK: 3 }, /no topK/],
    [{ beams: 2, stop: "a" }, /no stop/],
    [{ beams: 2, logprobs: true }, /no logprobs/],
    [{ beams: 2, logprobs: 0 }, /no logprobs/],
    [{ beams: 2, responseFormat: { type: "json_object" } }, /no responseFormat/],
    [{ beams: 2, lengthPenalty: Number.NaN }, /lengthPenalty must be a number/],
    [{ beams: 2, earlyStopping: "often" as "never" }, /earlyStopping must be true, false or "never"/],
    [{ beams: 5 }, /beams is 5, more than the 4 sequences/],
  ];
  for (const [options, message] of wrong)
    await t.rejects(
      model.generate({ prompt: SHORT_PROMPT, maxTokens: 3, ...options }).result,
      { code: "ERR_OPTION", message },
      JSON.stringify(options),
    );
  await t.rejects(
    model.generate({ prompt: SHORT_PROMPT, beams: 2, trace: true } as never).result,
    { code: "ERR_OPTION", message: /beams/ },
    "trace",
  );
  const zero = await model.generate({
    prompt: SHORT_PROMPT,
    maxTokens: 3,
    beams: 2,
    temperature: 0,
    logprobs: false,
  }).result;
  t.ok(zero.choices.length === 1 && zero.tokens.length > 0);
  await model.dispose();
});
