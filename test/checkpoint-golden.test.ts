import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Checkpoint, openCheckpoint, type TensorRef } from "../lib/checkpoint/index.js";
import { checkRanges } from "./support/checkpoint-checks.js";
import { goldenPath } from "./support/paths.js";
import { loadTensors, widen } from "./support/safetensors.js";

const open = (name: string) => openCheckpoint(goldenPath("models", name));

function readElements({ files }: Checkpoint, ref: TensorRef): Float32Array | Int32Array {
  return widen(ref.dtype, readFileSync(files[ref.file]!).subarray(ref.offset, ref.offset + ref.byteLength));
}

/** What golden/README.md says of each folder, and the number of tensors that are not obsolete. */
const CASES = {
  "cabs-heads": {
    layout: "single safetensors file, new-style config",
    tensors: 92,
    type: "c-abs",
    M: 9,
    layers: [2],
  },
  "cabs-legacy": {
    layout: "3 torch zip shards, old-style config",
    tensors: 160,
    type: "c-abs",
    M: 16,
    layers: [3],
  },
  "cabs-new": {
    layout: "single torch zip file, new-style config",
    tensors: 159,
    type: "c-abs",
    M: 9,
    layers: [3],
  },
  "cabs-wide": {
    layout: "3 safetensors shards, new-style config",
    tensors: 140,
    type: "c-abs",
    M: 16,
    layers: [2],
  },
  "dabs-multi": {
    layout: "single torch zip file, new-style config",
    tensors: 138,
    type: "d-abs",
    M: 9,
    layers: [1, 3],
  },
  "dabs-none": {
    layout: "single torch zip file, new-style config",
    tensors: 136,
    type: "d-abs",
    M: 9,
    layers: [3],
  },
  "dabs-query": {
    layout: "single torch zip file, new-style config",
    tensors: 133,
    type: "d-abs",
    M: 9,
    layers: [3],
  },
  "dabs-tgt": {
    layout: "single safetensors file, new-style config",
    tensors: 131,
    type: "d-abs",
    M: 16,
    layers: [2],
  },
  linear: {
    layout: "single safetensors file, new-style config",
    tensors: 78,
    type: "mlp",
    M: 16,
    layers: [3],
  },
  llava: {
    layout: "single safetensors file, Hugging Face LLaVA config",
    tensors: 80,
    type: "mlp",
    M: 16,
    layers: [2],
  },
  lora: {
    layout: "LoRA adapter (single torch zip file) over single safetensors file, new-style config",
    tensors: 107,
    type: "c-abs",
    M: 4,
    layers: [3],
  },
  mlp2: { layout: "single torch zip file, new-style config", tensors: 80, type: "mlp", M: 16, layers: [2] },
  resampler: {
    layout: "single torch zip file, new-style config",
    tensors: 125,
    type: "resampler",
    M: 6,
    layers: [3],
  },
};

for (const [name, expected] of Object.entries(CASES)) {
  t.test(`golden ${name} opens`, async (t) => {
    const checkpoint = await open(name);
    const { config } = checkpoint;
    t.equal(checkpoint.layout, expected.layout);
    t.equal(checkpoint.tensors.size, expected.tensors);
    t.equal(config.projector?.type, expected.type);
    t.equal(config.projector?.visualTokens, expected.M);
    t.same(config.projector?.featureLayers, expected.layers);
    checkRanges(checkpoint);
    // Float32 in D-Abs only, half in LLaVA only, bfloat16 elsewhere.
    for (const { name: tensor, dtype } of checkpoint.tensors.values()) {
      const wide = expected.type === "d-abs" && tensor.startsWith("projector.");
      t.equal(dtype, wide ? "F32" : name === "llava" ? "F16" : "BF16", tensor);
    }
  });

  t.test(`golden ${name} holds the embeddings of its trace`, async (t) => {
    const checkpoint = await open(name);
    const trace = loadTensors(goldenPath("models", name, "trace.safetensors"));
    const ids = trace.get("prompt.ids")!.data;
    const embeds = trace.get("llm.embeds")!;
    const width = embeds.shape[1]!;
    const table = readElements(checkpoint, checkpoint.tensors.get("llm.embed_tokens.weight")!);
    const wrong = [...ids].findIndex((id, row) => {
      const stored = table.subarray(id * width, (id + 1) * width);
      return id >= 0 && stored.some((value, i) => value !== embeds.data[row * width + i]); // below 0: visual
    });
    t.equal(wrong, -1, "rows of the embedding table");
    t.ok([...ids].some((id) => id >= 0) && embeds.data.some((value) => value !== 0));
  });
}

t.test("cabs-new is normalised to its config.json", async (t) => {
  const { config, template, imageTokenId } = await open("cabs-new");
  t.same(config, {
    family: "honeybee",
    preprocessing: "squash",
    vision: {
      hiddenSize: 128,
      intermediateSize: 256,
      layers: 3,
      heads: 2,
      imageSize: 56,
      patchSize: 14,
      layerNormEps: 1e-5,
      activation: "quick_gelu",
      imageMean: [0.48145466, 0.4578275, 0.40821073],
      imageStd: [0.26862954, 0.26130258, 0.27577711],
    },
    projector: {
      type: "c-abs",
      featureLayers: [3],
      outputSize: 128,
      visualTokens: 9,
      eosTokens: 0,
      posEmb: true,
      prenorm: false,
      hiddenSize: 128,
      depth: 3,
      mlpDepth: 2,
      heads: 0,
      points: 0,
      ffnSize: 0,
      pooledTarget: "none",
      activation: "silu",
      layerNormEps: 1e-6,
    },
    text: {
      hiddenSize: 128,
      intermediateSize: 216,
      layers: 2,
      heads: 2,
      kvHeads: 2,
      headDim: 64,
      vocabSize: 640,
      contextLength: 2048,
      rmsNormEps: 1e-5,
      ropeTheta: 10000,
      tieWordEmbeddings: false,
      bosId: 1,
      eosIds: [2],
    },
  });
  t.equal(template, undefined);
  t.equal(imageTokenId, undefined);
});

t.test("cabs-legacy loses the CLS row of pos_emb and keeps its eos row", async (t) => {
  const checkpoint = await open("cabs-legacy");
  const posEmb = checkpoint.tensors.get("projector.pos_emb")!;
  t.same(posEmb.shape, [1, 36, 64]);
  t.equal(posEmb.byteLength, 36 * 64 * 2);
  t.equal(checkpoint.config.projector?.eosTokens, 1);
  t.match(checkpoint.notes, ["dropped the obsolete CLS row of projector.pos_emb"]);
  t.notOk([...checkpoint.tensors.keys()].some((name) => /position_ids|inv_freq/.test(name)));
  // The eos row is appended as it is stored (the output has M + K rows).
  const eos = readElements(checkpoint, checkpoint.tensors.get("projector.eos_tokens")!);
  const output = loadTensors(goldenPath("models", "cabs-legacy", "trace.safetensors")).get(
    "projector.output",
  )!;
  t.same([...output.data.subarray(-64)], [...eos]);
});

t.test("d-abs and resampler read their own fields", async (t) => {
  const { projector } = (await open("dabs-none")).config;
  t.match(projector, {
    hiddenSize: 32,
    heads: 4,
    points: 2,
    ffnSize: 48,
    depth: 2,
    pooledTarget: "none",
    eosTokens: 1,
  });
  t.equal((await open("dabs-tgt")).config.projector?.pooledTarget, "tgt");
  t.match((await open("resampler")).config.projector, { hiddenSize: 128, heads: 2, ffnSize: 160, depth: 2 });
});

t.test("wide and grouped heads", async (t) => {
  t.match((await open("cabs-wide")).config, {
    projector: { prenorm: true, mlpDepth: 3, depth: 2, hiddenSize: 128, outputSize: 256 },
    text: { heads: 2, kvHeads: 1, headDim: 128, rmsNormEps: 1e-6, ropeTheta: 50000 },
  });
  t.match((await open("cabs-heads")).config, { text: { heads: 6, kvHeads: 2 }, vision: { heads: 4 } });
});

t.test("llava takes its defaults from Hugging Face", async (t) => {
  const { config, imageTokenId, tensors } = await open("llava");
  t.match(config, {
    family: "llava",
    preprocessing: "shortest-edge-crop",
    vision: { activation: "quick_gelu", layerNormEps: 1e-5, layers: 3 },
    projector: { type: "mlp", depth: 2, activation: "gelu" },
    text: { vocabSize: 576, ropeTheta: 10000, contextLength: 4096 },
  });
  t.equal(imageTokenId, 512);
  t.same(tensors.get("projector.net.2.weight")?.shape, [64, 64]);
});

t.test("lora opens from the parent of last/ and from last/", async (t) => {
  for (const folder of [goldenPath("models", "lora"), goldenPath("models", "lora", "last")]) {
    const { tensors, path, files } = await openCheckpoint(folder);
    t.equal(path, goldenPath("models", "lora", "last"));
    t.same(files, [join(path, "../base/model.safetensors"), join(path, "adapter_model.bin")]);
    const merged = [...tensors.values()].filter((tensor) => tensor.lora !== undefined);
    t.same(
      merged.map(({ name }) => name).sort(),
      [0, 1].flatMap((i) => ["q_proj", "v_proj"].map((part) => `llm.layers.${i}.self_attn.${part}.weight`)),
    );
    for (const { lora, shape } of merged) {
      t.match(lora, { scale: 4, a: { shape: [4, shape[1]], file: 1 }, b: { shape: [shape[0], 4], file: 1 } });
    }
    t.equal(tensors.get("projector.pos_emb")?.file, 1, "modules_to_save replace the base");
    t.equal(tensors.get("llm.norm.weight")?.file, 0);
  }
});
