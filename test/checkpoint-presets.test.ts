import t from "tap";
import { RANDOM_MODEL_NAMES, randomModel } from "../lib/checkpoint/index.js";

const refusal = (message: RegExp) => ({ name: "HoneybeeError", code: "ERR_OPTION", message });

t.test("the released models have their published shapes", async (t) => {
  t.equal(RANDOM_MODEL_NAMES.length, 8);
  for (const name of RANDOM_MODEL_NAMES.filter((name) => /^\d+B-/.test(name))) {
    const { config, seed } = randomModel(name);
    const large = name.startsWith("13B");
    t.equal(seed, 0);
    t.match(config, {
      family: "honeybee",
      vision: { imageSize: large ? 336 : 224, layers: 24, hiddenSize: 1024 },
      projector: {
        type: name.includes("C-Abs") ? "c-abs" : "d-abs",
        visualTokens: Number(name.split("-M")[1]),
        featureLayers: [24],
        outputSize: large ? 5120 : 4096,
        eosTokens: 0,
        posEmb: true,
      },
      text: {
        layers: large ? 40 : 32,
        intermediateSize: large ? 13824 : 11008,
        headDim: 128,
        vocabSize: 32000,
      },
    });
  }
  t.match(randomModel("7B-D-Abs-M144").config.projector, {
    depth: 6,
    heads: 8,
    points: 4,
    ffnSize: 1024,
    pooledTarget: "query",
  });
});

t.test("LLaVA-1.5 and TinyLlama", async (t) => {
  t.match(randomModel("llava-1.5-7b").config, {
    family: "llava",
    preprocessing: "shortest-edge-crop",
    projector: { type: "mlp", depth: 2, activation: "gelu", featureLayers: [23], visualTokens: 576 },
    text: { vocabSize: 32064 },
  });
  t.match(randomModel("1.1B-C-Abs-M144").config.text, {
    hiddenSize: 2048,
    intermediateSize: 5632,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    headDim: 64,
    contextLength: 2048,
  });
});

t.test("options cut the depth and seed the weights", async (t) => {
  const { config, seed, name } = randomModel("7B-C-Abs-M144,layers=2,vision-layers=3,seed=7");
  t.equal(name, "7B-C-Abs-M144");
  t.equal(seed, 7);
  t.match(config, { text: { layers: 2 }, vision: { layers: 3 }, projector: { featureLayers: [3] } });
  t.same(randomModel("llava-1.5-7b,vision-layers=1").config.projector?.featureLayers, [0]);
  config.text.eosIds.push(99);
  t.same(randomModel("7B-C-Abs-M144").config.text.eosIds, [2], "presets are not shared");
});

t.test("wrong names and options name their nearest neighbour", async (t) => {
  t.throws(
    () => randomModel("7b-cabs-m144"),
    refusal(/"7b-cabs-m144" is not known; did you mean "7B-C-Abs-M144"/),
  );
  t.throws(() => randomModel("llava"), refusal(/did you mean "llava-1\.5-7b"/));
  t.throws(() => randomModel("__proto__"), refusal(/is not known/));
  t.throws(
    () => randomModel("7B-C-Abs-M144,layer=2"),
    refusal(/"layer" is not known; did you mean "layers"/),
  );
  t.throws(
    () => randomModel("7B-C-Abs-M144,layers=0"),
    refusal(/layers is "0"; expected an integer of 1 to 1000/),
  );
  t.throws(() => randomModel("7B-C-Abs-M144,seed=-1"), refusal(/seed is "-1"/));
  t.throws(() => randomModel("7B-C-Abs-M144,layers"), refusal(/layers is ""/));
  t.throws(() => randomModel("7B-C-Abs-M144,seed=1,seed=2"), refusal(/seed is given twice/));
});
