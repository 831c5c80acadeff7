// Every case of golden/models in f32 against the traces of the official implementation: each reference point within
// 1e-4 relative (max|a-b| / max|b|), greedy tokens identical.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { loadModel, type Model } from "../lib/index.js";
import type { OutputTensor } from "../lib/trace.js";
import { goldenPath } from "./support/paths.js";
import { loadTensors } from "./support/safetensors.js";

const TOLERANCE = 1e-4;

interface Case {
  checkpoint: string;
  trace: string;
  images?: string[];
  prompt: string;
  prompt_ids: number[];
  generate_ids: number[];
  max_new_tokens: number;
}

/** max|a-b| / max|b|, the measure that the goldens prescribe. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference / largest;
}

async function traced(model: Model, folder: string, golden: Case) {
  const result = await model.generate({
    prompt: golden.prompt,
    images: (golden.images ?? []).map((image) => join(folder, image)),
    maxTokens: golden.max_new_tokens,
    ignoreEos: true,
    trace: true,
  } as Parameters<Model["generate"]>[0]).result;
  const { tensors } = (result as unknown as { trace: { tensors: OutputTensor[] } }).trace;
  return { result, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

const folders = readdirSync(goldenPath("models")).sort();
for (const name of folders) {
  t.test(name, async (t) => {
    const folder = goldenPath("models", name);
    const cases = readdirSync(folder).filter((file) => /^case(-text|-two)?\.json$/.test(file));
    const first = JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as Case;
    const model = await loadModel(join(folder, first.checkpoint), { weights: "f32" });
    for (const file of cases) {
      const golden = JSON.parse(readFileSync(join(folder, file), "utf8")) as Case;
      const expected = await loadTensors(join(folder, golden.trace));
      const { result, tensors } = await traced(model, folder, golden);
      t.same(result.tokens, golden.generate_ids, `${file}: greedy tokens`);
      t.same([...tensors.get("prompt.ids")!.values], golden.prompt_ids, `${file}: prompt ids`);
      let worst = 0;
      for (const [point, { shape, data }] of expected) {
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
      t.comment(
        `${name}/${file}: worst reference point ${worst.toExponential(2)} over ${dirname(golden.trace)}`,
      );
    }
    await model.dispose();
  });
}
