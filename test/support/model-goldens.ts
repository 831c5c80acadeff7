// Whole models in f32 against the traces of the official implementation: each reference point within 1e-4 relative
// (max|a-b| / max|b|), greedy tokens identical.
import { readdirSync } from "node:fs";
import { join } from "node:path";
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
