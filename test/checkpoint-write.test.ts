import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { decodeFloats, encodeFloats } from "../lib/checkpoint/floats.js";
import {
  type Checkpoint,
  openCheckpoint,
  type TensorRef,
  writeSafetensorsFolder,
} from "../lib/checkpoint/index.js";
import { checkRanges, withTempFolder } from "./support/checkpoint-checks.js";
import { goldenPath } from "./support/paths.js";
import { widen } from "./support/safetensors.js";
import { writeTorchZip } from "./support/torch-zip.js";

function bytesOf({ files }: Checkpoint, { file, offset, byteLength }: TensorRef): Buffer {
  return readFileSync(files[file]!).subarray(offset, offset + byteLength);
}

for (const name of readdirSync(goldenPath("models"))) {
  t.test(`${name} survives a round trip`, async (t) => {
    await withTempFolder(async (temp) => {
      const before = await openCheckpoint(goldenPath("models", name));
      const out = join(temp, "out");
      await writeSafetensorsFolder(before, out);
      const after = await openCheckpoint(out);
      checkRanges(after);
      t.same(after.config, before.config);
      t.equal(after.imageTokenId, before.imageTokenId);
      t.same(after.notes, []);
      t.same([...after.tensors.keys()].sort(), [...before.tensors.keys()].sort());
      for (const [tensor, ref] of before.tensors) {
        const written = after.tensors.get(tensor)!;
        t.same([written.dtype, written.shape, written.lora], [ref.dtype, ref.shape, undefined], tensor);
        if (!ref.lora) t.ok(bytesOf(after, written).equals(bytesOf(before, ref)), tensor);
      }
      t.ok(existsSync(join(out, "tokenizer.model")));
      t.notOk(existsSync(join(out, "model.safetensors.partial")));
    });
  });
}

t.test("the file is aligned, ordered and says where it came from", async (t) => {
  await withTempFolder(async (temp) => {
    const checkpoint = await openCheckpoint(goldenPath("models", "lora"));
    const seen: number[] = [];
    await writeSafetensorsFolder(checkpoint, join(temp, "a"), {
      onProgress: ({ bytesDone, bytesTotal }) => seen.push(bytesDone / bytesTotal),
    });
    t.equal(seen.at(-1), 1);
    t.same(
      seen,
      [...seen].sort((x, y) => x - y),
    );
    const bytes = readFileSync(join(temp, "a", "model.safetensors"));
    const dataStart = 8 + Number(bytes.readBigUInt64LE());
    t.equal(dataStart % 64, 0);
    const header = JSON.parse(bytes.toString("utf8", 8, dataStart));
    t.equal(header.__metadata__.honeybee_origin, `lora: ${checkpoint.layout}`);
    const parts = Object.keys(header)
      .slice(1)
      .map((tensor) => tensor.split(".", 1)[0]!);
    t.same([...new Set(parts)], ["vision_model", "abstractor", "language_model"]);
    t.equal(
      parts.join().match(/vision_model,abstractor|abstractor,language_model/g)?.length,
      2,
      "each part in one piece",
    );

    await writeSafetensorsFolder(checkpoint, join(temp, "b"), { describe: "made by hand" });
    t.ok(readFileSync(join(temp, "b", "model.safetensors")).includes('"honeybee_origin":"made by hand"'));
  });
});

t.test("LoRA is W + scale · B · A, rounded to bfloat16", async (t) => {
  await withTempFolder(async (temp) => {
    const before = await openCheckpoint(goldenPath("models", "lora"));
    await writeSafetensorsFolder(before, join(temp, "out"));
    const after = await openCheckpoint(join(temp, "out"));
    for (const ref of before.tensors.values()) {
      if (!ref.lora) continue;
      const { a, b, scale } = ref.lora;
      const values = (tensor: TensorRef) => widen(tensor.dtype, bytesOf(before, tensor));
      const [w, aValues, bValues] = [values(ref), values(a), values(b)];
      const merged = widen("BF16", bytesOf(after, after.tensors.get(ref.name)!));
      const [out, width] = ref.shape as [number, number];
      let moved = 0;
      for (let i = 0; i < out; i++) {
        for (let j = 0; j < width; j++) {
          let sum = 0;
          for (let k = 0; k < 4; k++) sum += bValues[i * 4 + k]! * aValues[k * width + j]!;
          const exact = w[i * width + j]! + scale * sum;
          const error = Math.abs(merged[i * width + j]! - exact);
          // Half a unit in the last of bfloat16's 8 bits.
          if (error > Math.abs(exact) * 2 ** -8 * 1.001) t.fail(`${ref.name}[${i}, ${j}] is off by ${error}`);
          if (merged[i * width + j] !== w[i * width + j]) moved++;
        }
      }
      t.ok(moved > (out * width) / 2, `${ref.name} changed`);
    }
  });
});

t.test("a transposed tensor is gathered", async (t) => {
  await withTempFolder(async (temp) => {
    const folder = join(temp, "in");
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), '{"model_type":"llama"}');
    const data = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
    const tensor = { storageClass: "FloatStorage", shape: [3, 2], strides: [1, 3], data };
    writeTorchZip(join(folder, "pytorch_model.bin"), { "lm_head.weight": tensor });
    await writeSafetensorsFolder(await openCheckpoint(folder), join(temp, "out"));
    const after = await openCheckpoint(join(temp, "out"));
    const head = after.tensors.get("llm.lm_head.weight")!;
    t.equal(head.strides, undefined);
    t.same([...widen("F32", bytesOf(after, head))], [1, 4, 2, 5, 3, 6]);
  });
});

t.test("the template goes along", async (t) => {
  await withTempFolder(async (temp) => {
    const checkpoint = await openCheckpoint(goldenPath("models", "linear"));
    await writeSafetensorsFolder({ ...checkpoint, template: "vqa" }, join(temp, "out"));
    t.equal((await openCheckpoint(join(temp, "out"))).template, "vqa");
  });
});

t.test("a folder with content is refused; a failure leaves no model behind", async (t) => {
  await withTempFolder(async (temp) => {
    const checkpoint = await openCheckpoint(goldenPath("models", "linear"));
    writeFileSync(join(temp, "precious"), "");
    await t.rejects(writeSafetensorsFolder(checkpoint, temp), {
      code: "ERR_OPTION",
      message: /is not empty/,
    });
    await t.rejects(writeSafetensorsFolder(checkpoint, join(temp, "precious")), { code: "ERR_OPTION" });
    t.same(readdirSync(temp), ["precious"]);

    const out = join(temp, "out");
    const gone = { ...checkpoint, files: [join(temp, "gone.safetensors")] };
    await t.rejects(writeSafetensorsFolder(gone, out), {
      code: "ERR_CHECKPOINT",
      message: /gone\.safetensors does not exist/,
    });
    t.same(readdirSync(out), []);
    const stop = new AbortController();
    const stopped = writeSafetensorsFolder(checkpoint, out, {
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await t.rejects(stopped, { name: "AbortError" });
    t.same(readdirSync(out), []);
  });
});

t.test("every half and bfloat16 survives float and back", async (t) => {
  const all = Buffer.from(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
  for (const dtype of ["F16", "BF16"] as const) {
    const values = decodeFloats(dtype, all);
    t.same([...values], [...widen(dtype, all)], `${dtype} agrees with the test's own decoder`);
    const back = encodeFloats(dtype, values);
    const wrong = [...values].findIndex((value, i) => !Number.isNaN(value) && back.readUInt16LE(2 * i) !== i);
    t.equal(wrong, -1, dtype);
    t.ok(Number.isNaN(decodeFloats(dtype, encodeFloats(dtype, Float32Array.of(Number.NaN)))[0]));
  }
});

t.test("rounding is to nearest, ties to even", async (t) => {
  const round = (dtype: "F16" | "BF16", value: number) =>
    decodeFloats(dtype, encodeFloats(dtype, Float32Array.of(value)))[0];
  t.equal(round("BF16", 1 + 2 ** -8), 1);
  t.equal(round("BF16", 1 + 3 * 2 ** -8), 1 + 2 ** -6);
  t.equal(round("BF16", 1 + 2 ** -8 + 2 ** -20), 1 + 2 ** -7);
  t.equal(round("F16", 1 + 2 ** -11), 1);
  t.equal(round("F16", 1 + 3 * 2 ** -11), 1 + 2 ** -9);
  t.equal(round("F16", -(2 ** -25)), -0);
  t.equal(round("F16", 1.5 * 2 ** -24), 2 ** -23);
  t.equal(round("F16", 65519), 65504);
  t.equal(round("F16", 65520), Number.POSITIVE_INFINITY);
  t.equal(
    round("F16", 2 ** -14 * (1 - 2 ** -12)),
    2 ** -14,
    "a subnormal that rounds up to the first normal",
  );
});
