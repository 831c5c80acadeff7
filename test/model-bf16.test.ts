// Two-byte weights against the float32 traces: within 5e-2 of the logits, and no farther from them than twice the
// distance of the reference's own bfloat16 run (golden/README.md, "How to compare").
import t from "tap";
import type { GenerateRequest, Model } from "../lib/index.js";
import type { OutputTensor } from "../lib/trace.js";
import { type GoldenCase, goldenCase, loadGolden, relativeError } from "./support/golden-model.js";
import { loadTensors } from "./support/safetensors.js";

/** The reference points of a case as this model computes them. */
async function referencePoints(model: Model, { prompt, images = [] }: GoldenCase) {
  const request = { prompt, images, maxTokens: 1, ignoreEos: true, trace: true };
  const result = await model.generate(request as GenerateRequest).result;
  const { tensors } = (result as unknown as { trace: { tensors: OutputTensor[] } }).trace;
  return new Map(tensors.map((tensor) => [tensor.name, tensor.values]));
}

t.test("cabs-new in bf16", async (t) => {
  const golden = goldenCase("cabs-new");
  const exact = loadTensors(golden.trace);
  const theirs = loadTensors(goldenCase("cabs-new", "case-bf16.json").trace);
  const model = await loadGolden("cabs-new", { weights: "bf16" });
  t.same(model.info.weights, {
    vision: "bf16",
    projector: "bf16",
    text: "bf16",
    embedding: "bf16",
    head: "bf16",
  });
  const ours = await referencePoints(model, golden);
  for (const point of ["projector.output", "llm.logits"]) {
    const reference = exact.get(point)!.data;
    const distance = relativeError(ours.get(point)!, reference);
    const allowed = 2 * relativeError(theirs.get(point)!.data, reference);
    t.ok(distance > 0, `${point} is computed in bf16`);
    t.ok(distance <= allowed, `${point}: ${distance.toExponential(2)}, allowed ${allowed.toExponential(2)}`);
    if (point === "llm.logits") t.ok(distance <= 5e-2, "logits within 5e-2");
  }
  await model.dispose();
});

t.test("auto keeps two-byte weights as they are stored", async (t) => {
  for (const [name, dtype] of [
    ["cabs-new", "bf16"],
    ["llava", "f16"],
  ] as const) {
    const golden = goldenCase(name);
    const model = await loadGolden(name, { weights: "auto" });
    t.same(
      model.info.weights,
      { vision: dtype, projector: dtype, text: dtype, embedding: dtype, head: dtype },
      name,
    );
    const logits = (await referencePoints(model, golden)).get("llm.logits")!;
    const distance = relativeError(logits, loadTensors(golden.trace).get("llm.logits")!.data);
    t.ok(distance <= 5e-2, `${name}: logits off by ${distance.toExponential(2)}`);
    await model.dispose();
  }
});

t.test("a D-Abstractor stays f32 whatever is asked", async (t) => {
  const golden = goldenCase("dabs-query");
  const model = await loadGolden("dabs-query", { weights: "bf16" });
  t.same(model.info.weights, {
    vision: "bf16",
    projector: "f32",
    text: "bf16",
    embedding: "bf16",
    head: "bf16",
  });
  const logits = (await referencePoints(model, golden)).get("llm.logits")!;
  const distance = relativeError(logits, loadTensors(golden.trace).get("llm.logits")!.data);
  t.ok(distance <= 5e-2, `logits off by ${distance.toExponential(2)}`);
  await model.dispose();
});
