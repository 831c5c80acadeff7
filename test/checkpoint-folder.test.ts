import { cpSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openCheckpoint } from "../lib/checkpoint/index.js";
import { withTempFolder } from "./support/checkpoint-checks.js";
import { goldenPath } from "./support/paths.js";
import { float32Tensor, writeSafetensors } from "./support/safetensors.js";
import { writeTorchZip } from "./support/torch-zip.js";

const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_CHECKPOINT", message });

t.test("where the folder is and what lies beside it", async (t) => {
  await withTempFolder(async (temp) => {
    const last = join(temp, "last");
    symlinkSync(goldenPath("models", "linear"), last);
    writeFileSync(
      join(temp, "exp_config.yaml"),
      "data_config: {}\ndata_config:\n  template:\n    name: llava\n",
    );
    t.equal((await openCheckpoint(temp)).template, "llava", "beside the link");
    t.equal((await openCheckpoint(temp)).path, realpathSync(goldenPath("models", "linear")));
    rmSync(last);
    cpSync(goldenPath("models", "linear"), last, { recursive: true });
    writeFileSync(
      join(temp, "exp_config.yaml"),
      "model_config:\n  name: x\ndata_config:\n  train:\n    name: y\n  template:\n    name: 'vqa'  # tuned\n",
    );
    t.equal((await openCheckpoint(temp)).template, "vqa");
    t.equal((await openCheckpoint(last)).template, "vqa");
    await t.rejects(openCheckpoint(join(temp, "nowhere")), refusal(/nowhere does not exist/));
    await t.rejects(openCheckpoint("bad\0name"), { name: "HoneybeeError" });
    await t.rejects(openCheckpoint(join(last, "config.json")), refusal(/is not a checkpoint/));
    for (const file of ["model", "trace"]) rmSync(join(last, `${file}.safetensors`));
    await t.rejects(
      openCheckpoint(last),
      refusal(/has no weights; model\.safetensors or pytorch_model\.bin/),
    );
    mkdirSync(join(last, "model.safetensors"));
    await t.rejects(openCheckpoint(last), refusal(/not a regular file/));
  });
});

t.test("an index and its shards", async (t) => {
  await withTempFolder(async (folder) => {
    const index = join(folder, "pytorch_model.bin.index.json");
    const write = (map: unknown) => writeFileSync(index, JSON.stringify({ weight_map: map }));
    writeFileSync(join(folder, "config.json"), '{"model_type":"llama"}');
    const tensor = { storageClass: "FloatStorage", shape: [2], data: Buffer.alloc(8) };
    writeTorchZip(join(folder, "a.bin"), { "model.norm.weight": tensor });
    writeTorchZip(join(folder, "b.bin"), { "lm_head.weight": tensor, "model.norm.weight": tensor });
    writeTorchZip(join(folder, "stale.bin"), { "model.embed_tokens.weight": tensor });

    write({ "lm_head.weight": "b.bin", "model.norm.weight": "a.bin" });
    const { tensors, files, notes, layout } = await openCheckpoint(folder);
    t.equal(layout, "2 torch zip shards, Hugging Face Llama config");
    t.same(files, [join(folder, "b.bin"), join(folder, "a.bin")]);
    t.equal(tensors.get("llm.norm.weight")?.file, 1);
    t.match(notes, [/b\.bin: 1 tensors that the index does not name/]);

    write({ "model.norm.weight": "a.bin", "model.embed_tokens.weight": "a.bin" });
    await t.rejects(
      openCheckpoint(folder),
      refusal(/says that a\.bin holds "model\.embed_tokens\.weight", but it does not/),
    );
    write({ "model.norm.weight": "gone.bin" });
    await t.rejects(openCheckpoint(folder), refusal(/gone\.bin does not exist/));
    for (const name of ["../a.bin", "/etc/passwd", "sub\\a.bin", "..", "", 7]) {
      write({ "model.norm.weight": name });
      await t.rejects(openCheckpoint(folder), refusal(/not a plain file name/), String(name));
    }
    write({});
    await t.rejects(openCheckpoint(folder), refusal(/empty weight_map/));
    write(undefined);
    await t.rejects(openCheckpoint(folder), refusal(/no weight_map/));
    rmSync(index);
    writeSafetensors(join(folder, "one.safetensors"), { "model.norm.weight": float32Tensor([1], [1]) });
    t.match((await openCheckpoint(folder)).files, [/one\.safetensors$/]);
    writeSafetensors(join(folder, "two.safetensors"), {});
    await t.rejects(
      openCheckpoint(folder),
      refusal(/2 safetensors files and no model\.safetensors\.index\.json/),
    );
  });
});
