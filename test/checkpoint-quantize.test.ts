// `convert --weights`: what is written is what loading with the same option makes, and is read back to the bit.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import {
  type Checkpoint,
  openCheckpoint,
  type WrittenWeights,
  writeSafetensorsFolder,
} from "../lib/checkpoint/index.js";
import { loadModel } from "../lib/index.js";
import { partDtypes } from "../lib/model/spec.js";
import { native } from "../lib/native.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { ENDLESS } from "./support/golden-model.js";
import { goldenPath } from "./support/paths.js";

/** A checkpoint written again, and opened. */
async function rewritten(folder: string, from: Checkpoint, weights: WrittenWeights): Promise<Checkpoint> {
  const out = join(folder, weights);
  await writeSafetensorsFolder(from, out, { weights });
  return openCheckpoint(out);
}

function reader({ path, files, tensors }: Checkpoint, name: string) {
  return new native.MatrixReader({ folder: path, files, tensor: tensors.get(name)! });
}

const Q = "llm.layers.0.self_attn.q_proj.weight";
const HEAD = "llm.lm_head.weight";

for (const format of ["int8", "int4", "fp8"] as const) {
  t.test(`${format} is written and read`, async (t) => {
    await withTempFolder(async (folder) => {
      const source = await openCheckpoint(goldenPath("models", "cabs-wide"));
      const written = await rewritten(folder, source, format);
      t.same(written.config, source.config);
      t.same(written.notes, []);
      t.same([...written.tensors.keys()].sort(), [...source.tensors.keys()].sort());
      const head = format === "int4" ? "int8" : format;
      const resolved = { checkpoint: written, config: written.config } as Parameters<typeof partDtypes>[0];
      t.same(
        partDtypes(resolved),
        { vision: "bf16", projector: "bf16", text: format, embedding: "bf16", head },
        "auto keeps it",
      );
      for (const [name, kind] of [
        [Q, format],
        ["llm.layers.1.mlp.down_proj.weight", format],
        [HEAD, head],
      ] as const) {
        const rows = source.tensors.get(name)!.shape[0]!;
        const made = reader(source, name).codes({ format: kind, begin: 0, count: rows });
        const kept = reader(written, name).codes({ format: kind, begin: 0, count: rows });
        t.same(kept, made, `${name}: codes, scales and zeros`);
      }
      // Twice the same: nothing is quantized again.
      const again = await rewritten(join(folder, "again"), written, "auto");
      const bytes = ({ files }: Checkpoint) => {
        const all = readFileSync(files[0]!);
        return all.subarray(8 + Number(all.readBigUInt64LE()));
      };
      t.ok(bytes(again).equals(bytes(written)), "a copy has the same data");

      const header = readFileSync(written.files[0]!).toString("latin1", 8, 2000);
      t.match(header, new RegExp(`cabs-wide: .*; weights ${format}`));

      // The same model whether it is quantized now or was before.
      const request = { ...ENDLESS, maxTokens: 12, logprobs: true };
      const answers = [];
      for (const [model, weights] of [
        [goldenPath("models", "cabs-wide"), format],
        [written.path, "auto"],
      ] as const) {
        const loaded = await loadModel(model, { device: "cpu", weights });
        const { tokens, logprobs } = await loaded.generate(request).result;
        answers.push({ tokens, logprobs, bytes: loaded.info.weightBytes });
        await loaded.dispose();
      }
      t.same(answers[1], answers[0], "the same answer to the bit, in the same memory");
    });
  });
}

t.test("quantized checkpoints are copied, or turned into floats", async (t) => {
  await withTempFolder(async (folder) => {
    for (const name of ["gptq", "awq"]) {
      const source = await openCheckpoint(goldenPath("quantization", name));
      const rows = source.tensors.get(Q)!.shape[0]!;
      const values = reader(source, Q).floats({ begin: 0, count: rows });
      const copy = await rewritten(join(folder, name), source, "auto");
      t.same(copy.quantization, source.quantization, `${name}: its settings are kept`);
      t.same(copy.tensors.get(Q)!.quantized!.layout, source.tensors.get(Q)!.quantized!.layout);
      t.same(reader(copy, Q).floats({ begin: 0, count: rows }), values, `${name}: copied`);
      const small = await rewritten(join(folder, name), source, "int4");
      t.same(reader(small, Q).floats({ begin: 0, count: rows }), values, `${name}: int4 is int4 already`);
      const wide = await rewritten(join(folder, name), source, "f32");
      t.equal(wide.quantization, undefined);
      t.equal(wide.tensors.get(Q)!.quantized, undefined);
      t.same(reader(wide, Q).floats({ begin: 0, count: rows }), values, `${name}: as floats`);
    }
  });
});
