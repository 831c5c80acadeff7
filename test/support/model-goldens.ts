// Whole models in f32 against the traces of the official implementation: each reference point within 1e-4 relative
// (max|a-b| / max|b|), greedy tokens identical.
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Test } from "tap";
import type { Model } from "../../lib/index.js";
import type { OutputTensor } from "../../lib/trace.js";
import { type GoldenCase, goldenCase, loadGolden, relativeError } from "./golden-model.js";
import { goldenPath } from "./paths.js";
import { loadTensors } from "./safetensors.js";

const TOLERANCE = 1e-4;

/** What a model computes at each reference point of a case. */
export async function traced(model: Model, { prompt, images = [], max_new_tokens }: GoldenCase) {
  const request = { prompt, images, maxTokens: max_new_tokens, ignoreEos: true, trace: true };
  const result = await model.generate(request).result;
  const { tensors } = (result as unknown as { trace: { tensors: OutputTensor[] } }).trace;
  return { tokens: result.tokens, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

/** Runs every case of golden/models in f32 on a device and compares each reference point and token. */
export function compareWithGoldens(t: Test, device: string): void {
  for (const name of readdirSync(goldenPath("models")).sort())
    t.test(`${name} on ${device}`, (t) => compareCase(t, name, device));
}

/** The same for the cases of one folder, named from golden/models. */
export async function compareCase(t: Test, name: string, device: string): Promise<void> {
  // The adapter's checkpoint lies beside its base, in the folder of its case.
  const model = await loadGolden(join(name, goldenCase(name).checkpoint), { device });
  t.ok(model.info.device.startsWith(device), `it runs on ${model.info.device}`);
  const cases = readdirSync(goldenPath("models", name)).filter((file) =>
    /^case(-text|-two)?\.json$/.test(file),
  );
  for (const file of cases) {
    const golden = goldenCase(name, file);
    const { tokens, tensors } = await traced(model, golden);
    t.same(tokens, golden.generate_ids, `${file}: greedy tokens`);
    t.same([...tensors.get("prompt.ids")!.values], golden.prompt_ids, `${file}: prompt ids`);
    let worst = 0;
    for (const [point, { shape, data }] of loadTensors(golden.trace)) {
      const actual = tensors.get(point);
      if (!actual) {
        t.fail(`${file}: ${point} was not recorded`);
        continue;
      }
      t.same(actual.shape, shape, `${file}: shape of ${point}`);
      const error = relativeError(actual.values, data);
      worst = Math.max(worst, error);
      t.ok(error <= TOLERANCE, `${file}: ${point} is off by ${error.toExponential(2)}`);
    }
    t.comment(`${name}/${file}: worst reference point ${worst.toExponential(2)}`);
  }
  await model.dispose();
}

/** The parts of a model that are codes; how far its first logits may be from the official ones. */
interface CodedCase {
  name: string;
  weights: "auto" | "int8" | "fp8";
  parts: object;
  /**
   * Misread zeros, nibbles or groups are off by 0.6 and more; activations of 8 bits or of bf16 by about a hundredth. Weights
   * that are rounded while they are loaded add what these small models make of it.
   */
  tolerance: number;
}

const HALVES = { vision: "f16", projector: "f16", embedding: "f16", head: "f16" };

/** The checkpoints of golden/quantization as they are stored, and a model of floats made small while it is loaded. */
const CODED: CodedCase[] = [
  { name: "../quantization/gptq", weights: "auto", parts: { ...HALVES, text: "int4" }, tolerance: 0.05 },
  {
    name: "../quantization/awq",
    weights: "auto",
    parts: { ...HALVES, vision: "bf16", projector: "bf16", text: "int4" },
    tolerance: 0.05,
  },
  { name: "linear", weights: "int8", parts: { text: "int8", head: "int8" }, tolerance: 0.12 },
  { name: "linear", weights: "fp8", parts: { text: "fp8", head: "fp8" }, tolerance: 0.3 },
];

/** Runs models whose weights are codes on a device, and compares the first logits with the official ones. */
export function compareCodes(t: Test, device: string): void {
  for (const { name, weights, parts, tolerance } of CODED) {
    t.test(`${basename(name)} in codes (${weights}) on ${device}`, async (t) => {
      const model = await loadGolden(name, { device, weights });
      t.match(model.info.weights, parts);
      const golden = goldenCase(name);
      const logits = (await traced(model, golden)).tensors.get("llm.logits")!;
      const error = relativeError(logits.values, loadTensors(golden.trace).get("llm.logits")!.data);
      t.ok(error > 0 && error <= tolerance, `logits are off by ${error.toExponential(2)}`);
      t.comment(`${name} ${weights} ${device}: ${error.toExponential(2)}`);
      await model.dispose();
    });
  }
}

/** How far keys and values in these formats may put the first logits of `linear`: as far as its weights in them do. */
const CACHES = { int8: 0.12, fp8: 0.3 } as const;

/** Runs a model of f32 with small KV caches on a device; gives the first logits with each. */
export async function compareCaches(t: Test, device: string, caches: readonly (keyof typeof CACHES)[]) {
  const golden = goldenCase("linear");
  const wanted = loadTensors(golden.trace).get("llm.logits")!.data;
  const found = new Map<string, ArrayLike<number>>();
  for (const kv of caches) {
    const model = await loadGolden("linear", { device, kv });
    const { layers, kvHeads, headDim } = model.info.config.text;
    t.equal(model.info.kv, kv);
    t.equal(
      model.info.kvBytesPerToken,
      2 * layers * kvHeads * (headDim + 4),
      "a byte a value, and the scales",
    );
    t.equal(model.info.kvBytes % (16 * model.info.kvBytesPerToken), 0, "whole blocks of 16 tokens");
    const { tokens, tensors } = await traced(model, { ...golden, max_new_tokens: 3 });
    t.equal(tokens.length, 3);
    const logits = tensors.get("llm.logits")!.values;
    const error = relativeError(logits, wanted);
    t.ok(error > 0 && error <= CACHES[kv], `${kv} on ${device}: logits are off by ${error.toExponential(2)}`);
    t.comment(`${kv} ${device}: ${error.toExponential(2)}`);
    t.equal(model.stats().blocksUsed, 0);
    found.set(kv, logits);
    await model.dispose();
  }
  return found;
}
