// Requests that cannot be served: refused with a code, in words that name the thing at fault.
import t from "tap";
import type { ErrorCode, GenerateRequest, GenerationOptions, Model, ModelOptions } from "../lib/index.js";
import { loadModel } from "../lib/index.js";
import { goldenCase, loadGolden, refused, SHORT_PROMPT } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";

let model: Model;
t.before(async () => {
  model = await loadGolden("cabs-new", { context: 128 });
});
t.teardown(() => model.dispose());

const { images, prompt } = goldenCase("cabs-new");
const user = (content: string) => [{ role: "user" as const, content }];

t.test("generation options", async (t) => {
  const bad: [options: Record<string, unknown>, ...named: string[]][] = [
    [{ temprature: 1 }, '"temprature"', '"temperature"'],
    [{ max_tokens: 1 }, '"max_tokens"', '"maxTokens"'],
    [{ temperature: Number.NaN }, "temperature", "NaN", "from 0 to 100"],
    [{ temperature: -1 }, "temperature", "-1"],
    [{ temperature: "1" }, "temperature", '"1"'],
    [{ temperature: null }, "temperature", "null"],
    [{ topP: 1.5 }, "topP", "1.5", "from 0 to 1"],
    [{ topP: Number.NaN }, "topP", "NaN"],
    [{ topK: 2.5 }, "topK", "integer", "2.5"],
    [{ minP: -0.1 }, "minP", "-0.1"],
    [{ repetitionPenalty: 0 }, "repetitionPenalty", "above 0"],
    [{ presencePenalty: Number.POSITIVE_INFINITY }, "presencePenalty", "Infinity"],
    [{ frequencyPenalty: 101 }, "frequencyPenalty", "101"],
    [{ noRepeatNgramSize: -1 }, "noRepeatNgramSize", "-1"],
    [{ maxTokens: -1 }, "maxTokens", "-1"],
    [{ maxTokens: 2 ** 31 }, "maxTokens", "2147483648"],
    [{ minTokens: 0.5 }, "minTokens", "0.5"],
    [{ n: 0 }, "n must", "0"],
    [{ n: 1000 }, "n must", "from 1 to 128"],
    [{ seed: -1 }, "seed", "-1"],
    [{ seed: 2 ** 60 }, "seed"],
    [{ logprobs: "yes" }, "logprobs", "yes"],
    [{ stop: "" }, "stop", "empty"],
    [{ stop: [1] }, "stop"],
    [{ ignoreEos: "no" }, "ignoreEos", '"no"'],
    [{ logitBias: 3 }, "logitBias"],
    [{ logitBias: { cat: 1 } }, "logitBias", "cat"],
    [{ logitBias: { 5: Number.NaN } }, "logitBias", "5", "NaN"],
    [{ logitBias: { 640: 1 } }, "logitBias", "640"],
    [{ signal: {} }, "signal", "AbortSignal"],
    [{ encoding: "tail" }, "encoding", "head, legacy", '"tail"'],
  ];
  for (const [options, ...named] of bad) {
    const request = { prompt: SHORT_PROMPT, ...options } as GenerateRequest;
    await refused(t, model.generate(request).result, "ERR_OPTION", ...named);
  }
  t.equal(
    (await model.generate({ prompt: SHORT_PROMPT, maxTokens: 2 }).result).tokens.length,
    2,
    "and it goes on",
  );
});

t.test("requests that are no requests", async (t) => {
  await refused(t, model.generate({} as GenerateRequest).result, "ERR_OPTION", "prompt");
  await refused(
    t,
    model.generate({ prompt: 5 } as unknown as GenerateRequest).result,
    "ERR_OPTION",
    "prompt",
  );
  for (const nothing of [undefined, null, "Hi"]) {
    await refused(t, model.generate(nothing as unknown as GenerateRequest).result, "ERR_OPTION", "object");
    await refused(t, model.chat(nothing as never).result, "ERR_OPTION", "object");
  }
  await refused(t, model.chat({ messages: [] }).result, "ERR_OPTION", "messages");
  await refused(
    t,
    model.chat({ messages: user("Hi"), templat: "vqa" } as never).result,
    "ERR_OPTION",
    '"template"',
  );
  await refused(t, model.chat({ messages: user("Hi"), template: "vqaa" }).result, "ERR_OPTION", "vqaa");
  await refused(t, () => model.render(user("Hi"), { sistem: "base" } as never), "ERR_OPTION", '"system"');
  await refused(t, model.encodeImage(images![0]!, { siganl: 1 } as never), "ERR_OPTION", '"signal"');
});

t.test("more or fewer <image> than images", async (t) => {
  const refuse = (request: GenerateRequest, ...named: string[]) =>
    refused(t, model.generate(request).result, "ERR_OPTION", ...named);
  await refuse({ prompt, images: [] }, "1", "0", "image");
  await refuse({ prompt }, "image");
  await refuse({ prompt, images: [images![0]!, images![0]!] }, "2", "image");
  await refuse({ prompt: SHORT_PROMPT, images: images! }, "image");
  await refuse({ prompt, images: images![0] as never }, "images", "array");
});

t.test("images that are none", async (t) => {
  const bad: [image: unknown, ...named: string[]][] = [
    ["no/such/picture.png", "no/such/picture.png"],
    [Buffer.alloc(0), "image 1"],
    [Buffer.from("This is a text and not a picture."), "image 1"],
    [5, "image 1"],
    [{ data: Buffer.alloc(3), width: 0, height: 1, channels: 3 }, "image 1"],
  ];
  for (const [image, ...named] of bad) {
    await refused(t, model.generate({ prompt, images: [image as never] }).result, "ERR_IMAGE", ...named);
    await refused(t, model.encodeImage(image as never), "ERR_IMAGE", ...named);
  }
  const strict = await loadGolden("cabs-new", { context: 96, maxImagePixels: 100 });
  await refused(t, strict.encodeImage(images![0]!), "ERR_IMAGE", "100", "maxImagePixels");
  await strict.dispose();
});

t.test("visual tokens of another model", async (t) => {
  const other = await loadGolden("resampler");
  const seen = await other.encodeImage(images![0]!);
  await refused(
    t,
    model.generate({ prompt, images: [seen] }).result,
    "ERR_IMAGE",
    "image 1",
    "another model",
    "[9,128]",
  );
  await other.dispose();
});

t.test("a prompt longer than the context", async (t) => {
  const long = "a cat and a dog ".repeat(100);
  for (const request of [model.generate({ prompt: long }), model.chat({ messages: user(long) })]) {
    await refused(t, request.result, "ERR_CONTEXT_LENGTH", /the prompt has \d+ tokens/, "context of 128");
    await refused(t, request.next(), "ERR_CONTEXT_LENGTH", "128");
  }
});

t.test("model options", async (t) => {
  const bad: [options: object, code: ErrorCode, ...named: string[]][] = [
    [{ wieghts: "f32" }, "ERR_OPTION", '"wieghts"', '"weights"'],
    [{ weights: "int3" }, "ERR_OPTION", "weights", "int3", "bf16"],
    [{ kv: "f64" }, "ERR_OPTION", "kv", "f64"],
    [{ context: 0 }, "ERR_OPTION", "context", "0"],
    [{ context: 5000 }, "ERR_OPTION", "context", "5000", "2048"],
    [{ maxSequences: 0 }, "ERR_OPTION", "maxSequences"],
    [{ threads: 1.5 }, "ERR_OPTION", "threads", "1.5"],
    [{ threads: 100_000 }, "ERR_OPTION", "threads"],
    [{ memory: -5 }, "ERR_OPTION", "memory", "-5"],
    [{ memory: 1000 }, "ERR_OUT_OF_MEMORY", "1000", "memory"],
    [{ maxImagePixels: 0 }, "ERR_OPTION", "maxImagePixels"],
    [{ batchInvariant: 1 }, "ERR_OPTION", "batchInvariant"],
    [{ visualTokens: 7 }, "ERR_OPTION", "visualTokens", "square", "7"],
    [{ device: "gpu" }, "ERR_OPTION", "device", '"gpu"'],
    [{ device: 1 }, "ERR_OPTION", "device"],
    [{ tokenizer: "no/such/file" }, "ERR_TOKENIZER", "no/such/file"],
    [{ onProgress: 1 }, "ERR_OPTION", "onProgress"],
    [{ signal: 1 }, "ERR_OPTION", "signal"],
  ];
  for (const [options, code, ...named] of bad) {
    await refused(t, loadModel(goldenPath("models", "cabs-new"), options as ModelOptions), code, ...named);
  }
  await refused(t, loadGolden("dabs-query", { visualTokens: 9 }), "ERR_OPTION", "visualTokens", "d-abs");
  await refused(t, loadModel("no/such/folder"), "ERR_CHECKPOINT", "no/such/folder");
  await refused(t, loadModel(""), "ERR_OPTION", "model");
  await refused(t, loadModel(5 as never), "ERR_OPTION", "model");
  await refused(t, loadModel("x", null as never), "ERR_OPTION", "options", "null");
  await refused(t, loadModel("random:7B-C-Abs-M145"), "ERR_OPTION", "7B-C-Abs-M145", "7B-C-Abs-M144");
});

t.test("what every token rules out", async (t) => {
  const logitBias = Object.fromEntries(Array.from({ length: 640 }, (_, id) => [id, -1e38]));
  const options: GenerationOptions = { logitBias, frequencyPenalty: 100, maxTokens: 2 };
  t.equal(
    (await model.generate({ prompt: SHORT_PROMPT, ...options }).result).tokens.length,
    2,
    "huge but finite",
  );
});
