// What work costs, against sums done by hand and against the weights that the network asks for.
import t from "tap";
import { type ModelConfig, openCheckpoint, randomModel } from "../lib/checkpoint/index.js";
import { type CostModel, decodeCost, encodeCost, prefillCost } from "../lib/model/cost.js";
import { achieved, bandwidth } from "../lib/model/roofline.js";
import { nativeConfig, type WeightDtype } from "../lib/model/spec.js";
import { native } from "../lib/native.js";
import { goldenPath } from "./support/paths.js";

function costModel(config: ModelConfig, dtype: WeightDtype, kvBytesPerToken = 0): CostModel {
  return {
    config,
    weights: { vision: dtype, projector: dtype, text: dtype, embedding: dtype, head: dtype },
    kvBytesPerToken,
  };
}

const NO_FLOPS = { f32: 0, bf16: 0, f16: 0, int8: 0, int4: 0, fp8: 0 };
const llama7b = randomModel("7B-C-Abs-M144").config;
// Keys and values of 32 layers, 4096 wide, two bytes each.
const KV_7B = 2 * 32 * 4096 * 2;

/** ViT-L/14 at 224 pixels: 256 patches of 588 values; 257 rows through 12 · 1024² weights a layer; 257² scores. */
const vit = (layers: number) =>
  2 * 256 * 588 * 1024 + layers * (2 * 257 * 12 * 1024 * 1024 + 4 * 257 * 257 * 1024);

t.test("ViT-L/14 at 224 pixels and a C-Abstractor of 144 tokens", async (t) => {
  const { flops, bytes } = encodeCost(costModel(llama7b, "bf16"));
  t.equal(vit(23), 155_285_811_200);
  t.equal(vit(24), 162_023_964_672);
  // Three blocks on 256 cells and three on 144 tokens, then 1024 → 4096 → 4096.
  const wide = 4 * 256 * 1024 * 1024 + 2 * 256 * 9 * 1024 + 4 * 1024 * 256;
  const pooled = 4 * 144 * 1024 * 1024 + 2 * 144 * 9 * 1024 + 4 * 1024 * 256;
  const projector = 3 * wide + 3 * pooled + 2 * 144 * (1024 * 4096 + 4096 * 4096);
  t.equal(projector, 11_101_372_416);
  t.same(flops, { ...NO_FLOPS, bf16: vit(24) + projector });
  t.equal(encodeCost(costModel(llama7b, "bf16"), 3).flops.bf16, 3 * (vit(24) + projector));
  const early = structuredClone(llama7b);
  early.projector!.featureLayers = [23];
  t.equal(encodeCost(costModel(early, "bf16")).flops.bf16, vit(23) + projector, "unused layers do not count");
  t.equal(encodeCost(costModel(llama7b, "bf16"), 3).bytes, bytes, "a batch reads the weights once");
  t.equal(encodeCost(costModel(llama7b, "f32")).bytes, 2 * bytes);
});

t.test("Llama 7B", async (t) => {
  const matrices = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11008) + 4096 * 32000;
  t.equal(2 * matrices, 13_214_154_752, "13.2 GB of bf16 weights");
  const model = costModel(llama7b, "bf16", KV_7B);

  const one = decodeCost(model, 1);
  t.equal(one.bytes, 2 * matrices + 2 * KV_7B, "one step reads the weights and the two rows of the cache");
  t.equal(one.flops.bf16, 2 * matrices + 32 * 4 * 2 * 4096);
  const many = decodeCost(model, 3, 8, 100);
  const attended = 8 * (101 + 102 + 103);
  t.equal(many.bytes, 3 * 2 * matrices + attended * KV_7B, "the weights once a step for the whole batch");
  t.equal(many.flops.bf16, 3 * 8 * 2 * matrices + 32 * 4 * attended * 4096);

  // The last layer's feed-forward and the head see the last token of each prompt only.
  const last = 3 * 4096 * 11008 + 4096 * 32000;
  const prompt = prefillCost(model, 512, 2);
  t.equal(
    prompt.flops.bf16,
    2 * 1024 * (matrices - last) + 2 * 2 * last + 32 * 4 * 4096 * 2 * ((512 * 513) / 2),
  );
  t.equal(prompt.bytes, 2 * matrices + 1024 * KV_7B);
});

t.test("a D-Abstractor counts in its own dtype", async (t) => {
  const config = randomModel("7B-D-Abs-M144").config;
  const model: CostModel = {
    ...costModel(config, "bf16"),
    weights: { vision: "bf16", projector: "f32", text: "bf16", embedding: "bf16", head: "bf16" },
  };
  const { flops } = encodeCost(model);
  t.equal(flops.bf16, vit(24));
  // Six layers of width 1024: self-attention of 144 queries, 8 heads × 4 points, a feed-forward of 1024; 1024 → 4096.
  const layer =
    2 * 144 * 4 * 1024 * 1024 +
    4 * 144 * 144 * 1024 +
    2 * 144 * 1024 * 96 +
    2 * 256 * 1024 * 1024 +
    10 * 144 * 4 * 1024 +
    2 * 144 * 1024 * 1024 +
    2 * 144 * 2 * 1024 * 1024;
  t.equal(flops.f32, 6 * layer + 2 * 144 * 1024 * 4096);
});

t.test("the weights counted are those that the network asks for", async (t) => {
  const isLookup =
    /embed_tokens|position_embedding|pos_emb|level_emb|class_embedding|query_tokens|query_position/;
  const names = ["cabs-new", "cabs-wide", "dabs-multi", "dabs-none", "dabs-query", "dabs-tgt", "linear"];
  for (const name of [...names, "mlp2", "resampler", "llava"]) {
    const { config } = await openCheckpoint(goldenPath("models", name));
    const f32 = costModel(config, "f32");
    const used = Math.max(...config.projector!.featureLayers);
    const count = { encode: 0, text: 0 };
    for (const { name: tensor, shape } of native.listTensors(nativeConfig(config), f32.weights)) {
      const layer = /^vision\.encoder\.layers\.(\d+)\./.exec(tensor)?.[1];
      if (!tensor.endsWith(".weight") || shape.length < 2 || isLookup.test(tensor)) continue;
      if (layer !== undefined && Number(layer) >= used) continue;
      count[tensor.startsWith("llm.") ? "text" : "encode"] += shape.reduce(
        (product, side) => product * side,
        1,
      );
    }
    t.equal(encodeCost(f32).bytes / 4, count.encode, `${name}: vision tower and projector`);
    t.equal(decodeCost(f32, 1).bytes / 4, count.text, `${name}: language model`);
  }
});

t.test("roofline", async (t) => {
  const rates = {
    bf16: { copy: 20e9, read: 30e9, product: 400e9 },
    f32: { copy: 25e9, read: 28e9, product: 200e9 },
  };
  t.equal(bandwidth(rates), 30e9);
  const computes = achieved({ bytes: 3e9, flops: { ...NO_FLOPS, bf16: 80e9, f32: 20e9 } }, rates, 600);
  t.same(computes, {
    gigabytes: 3,
    gigaflops: 100,
    gigabytesPerSecond: 5,
    gigaflopsPerSecond: 100e9 / 1e6 / 600,
    memoryMs: 100,
    computeMs: 300,
    roof: "compute",
    rooflineShare: 0.5,
  });
  const moves = achieved({ bytes: 15e9, flops: { ...NO_FLOPS, bf16: 4e9 } }, rates, 625);
  t.match(moves, { roof: "memory", memoryMs: 500, rooflineShare: 0.8 });
});
