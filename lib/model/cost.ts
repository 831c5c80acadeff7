import type { ProjectorConfig, TextConfig, VisionConfig } from "../checkpoint/index.js";
import type { PartDtypes, WeightDtype } from "./spec.js";

/**
 * What a piece of work cannot avoid. Counted are matrix products, convolutions and attention, a multiply-add as two
 * operations; norms, activations and softmax are a few operations a value and left out. Bytes are the weights of those
 * products, read once for a whole batch, and the KV cache; activations may stay in caches.
 */
export interface Cost {
  bytes: number;
  /** By the dtype of the weights beside which they are computed. */
  flops: Record<WeightDtype, number>;
}

/** The parts of a model's description that its cost depends on; `ModelInfo` has them. */
export interface CostModel {
  config: {
    vision?: VisionConfig | undefined;
    projector?: ProjectorConfig | undefined;
    text: TextConfig;
  };
  weights: PartDtypes;
  kvBytesPerToken: number;
}

/** Bytes of a weight; int4 has a scale of 16 and a zero of 4 bits for 32 of them. */
export const WEIGHT_BYTES: Readonly<Record<WeightDtype, number>> = {
  f32: 4,
  bf16: 2,
  f16: 2,
  int8: 1,
  int4: (4 + 20 / 32) / 8,
  fp8: 1,
};

/** Bytes of one key or value of one head in the KV cache; codes have a scale in f32. */
export function kvVectorBytes(kv: string, headDim: number): number {
  if (kv === "int8" || kv === "fp8") return headDim + 4;
  return headDim * (kv === "f32" ? 4 : 2);
}

/** RegNet's squeeze-and-excite reduces to a quarter of the channels that enter a block (timm 0.9.8). */
const SQUEEZE_RATIO = 0.25;

/** Adds up what one part of the network computes. */
class Counter {
  flops = 0;
  /** Elements of the weights. */
  weights = 0;

  /** `count` weights [out, in], each multiplied with `rows` rows. */
  product(rows: number, input: number, output: number, count = 1): this {
    this.flops += 2 * rows * input * output * count;
    this.weights += input * output * count;
    return this;
  }

  /** All of it so many times. */
  times(count: number): this {
    this.flops *= count;
    this.weights *= count;
    return this;
  }

  /** q kᵀ and the product with v: `pairs` of query and key, each `width` wide, all heads together. */
  attention(pairs: number, width: number, count = 1): this {
    this.flops += 4 * pairs * width * count;
    return this;
  }
}

/** Encoding `images` images at once: the layers of the tower that are used, then the projector. */
export function encodeCost({ config, weights }: CostModel, images = 1): Cost {
  const { vision, projector } = config;
  if (!vision || !projector) throw new TypeError("a text-only model encodes no images");
  return sum(
    [countVision(vision, Math.max(...projector.featureLayers), images), weights.vision],
    [countProjector(projector, vision, images), weights.projector],
  );
}

/** Prefilling `batch` prompts of `tokens` tokens, up to the logits of the last token of each; the cache is written. */
export function prefillCost(
  { config, weights, kvBytesPerToken }: CostModel,
  tokens: number,
  batch = 1,
): Cost {
  const pairs = (batch * tokens * (tokens + 1)) / 2;
  const cost = sum(
    [countDecoder(config.text, batch * tokens, batch, pairs), weights.text],
    [countHead(config.text, batch), weights.head],
  );
  cost.bytes += batch * tokens * kvBytesPerToken;
  return cost;
}

/** `tokens` decoding steps of `batch` sequences with `start` tokens in the cache; each step reads weights and cache. */
export function decodeCost(
  { config, weights, kvBytesPerToken }: CostModel,
  tokens: number,
  batch = 1,
  start = 1,
): Cost {
  // Step i writes one row and attends to start + i rows of each sequence.
  const attended = batch * (tokens * start + (tokens * (tokens + 1)) / 2);
  const layers = countDecoder(config.text, batch, batch, 0).times(tokens);
  layers.attention(attended, config.text.heads * config.text.headDim, config.text.layers);
  const cost = sum([layers, weights.text], [countHead(config.text, batch).times(tokens), weights.head]);
  cost.bytes += attended * kvBytesPerToken;
  return cost;
}

function sum(...parts: [Counter, WeightDtype][]): Cost {
  const cost: Cost = { bytes: 0, flops: { f32: 0, bf16: 0, f16: 0, int8: 0, int4: 0, fp8: 0 } };
  for (const [{ flops, weights }, dtype] of parts) {
    cost.bytes += weights * WEIGHT_BYTES[dtype];
    cost.flops[dtype] += flops;
  }
  return cost;
}

/** CLIP ViT without its head: patch embedding and the first `layers` layers, over patches and the class token. */
function countVision(vision: VisionConfig, layers: number, images: number): Counter {
  const { hiddenSize: width, intermediateSize, patchSize } = vision;
  const patches = gridCells(vision);
  const rows = patches + 1;
  return new Counter()
    .product(images * patches, 3 * patchSize ** 2, width)
    .product(images * rows, width, width, 4 * layers)
    .product(images * rows, width, intermediateSize, 2 * layers)
    .attention(images * rows ** 2, width, layers);
}

/** `rows` tokens through the layers, without the head; behind the last attention only the `last` whose logits are wanted still matter. */
function countDecoder(text: TextConfig, rows: number, last: number, pairs: number): Counter {
  const { hiddenSize, intermediateSize, layers } = text;
  const q = text.heads * text.headDim;
  const kv = text.kvHeads * text.headDim;
  return new Counter()
    .product(rows, hiddenSize, q + 2 * kv, layers)
    .product(rows, q, hiddenSize, layers)
    .product(rows, hiddenSize, intermediateSize, 3 * (layers - 1))
    .product(last, hiddenSize, intermediateSize, 3)
    .attention(pairs, q, layers);
}

function countHead({ hiddenSize, vocabSize }: TextConfig, rows: number): Counter {
  return new Counter().product(rows, hiddenSize, vocabSize);
}

function countProjector(projector: ProjectorConfig, vision: VisionConfig, images: number): Counter {
  const cells = images * gridCells(vision);
  switch (projector.type) {
    case "mlp":
      return countMlp(new Counter(), cells, projector.depth, vision.hiddenSize, projector.outputSize);
    case "c-abs":
      return countCAbstractor(projector, vision, images);
    case "d-abs":
      return countDAbstractor(projector, vision, images);
    case "resampler":
      return countResampler(projector, vision, images);
  }
}

function countMlp(counter: Counter, rows: number, depth: number, input: number, output: number): Counter {
  if (depth === 0) return counter;
  return counter.product(rows, input, output).product(rows, output, output, depth - 1);
}

/** Stages of RegNet blocks on the feature grid and, pooled, on the token grid, then an MLP (paper, section 3.2). */
function countCAbstractor(projector: ProjectorConfig, vision: VisionConfig, images: number): Counter {
  const { hiddenSize: width, depth, visualTokens, mlpDepth, outputSize } = projector;
  const counter = new Counter();
  const block = (rows: number, input: number) => {
    const squeezed = Math.round(SQUEEZE_RATIO * input);
    counter
      .product(rows, input, width)
      .product(rows, 9, width) // depthwise 3×3
      .product(images, width, squeezed, 2)
      .product(rows, width, width);
    if (input !== width) counter.product(rows, input, width);
  };
  const cells = images * gridCells(vision);
  for (let i = 0; i < depth; i++) block(cells, i === 0 ? vision.hiddenSize : width);
  for (let i = 0; i < depth; i++) block(images * visualTokens, width);
  return countMlp(
    counter,
    images * visualTokens,
    mlpDepth,
    depth > 0 ? width : vision.hiddenSize,
    outputSize,
  );
}

/** Layers of self-attention among M queries and deformable attention to the features of every level. */
function countDAbstractor(projector: ProjectorConfig, vision: VisionConfig, images: number): Counter {
  const { hiddenSize: width, depth, heads, points, ffnSize, outputSize } = projector;
  const queries = images * projector.visualTokens;
  const levels = projector.featureLayers.length;
  const values = images * levels * gridCells(vision);
  const samples = heads * levels * points;
  const counter = new Counter();
  if (vision.hiddenSize !== width) {
    counter.product(values / levels, vision.hiddenSize, width, levels);
  }
  counter
    .product(queries, width, width, 4 * depth)
    .attention(queries * projector.visualTokens, width, depth)
    .product(queries, width, 3 * samples, depth)
    .product(values, width, width, depth)
    .product(queries, width, width, depth)
    .product(queries, width, ffnSize, 2 * depth);
  // A sample is four corners weighted, then the samples of a head weighted: five multiply-adds a channel.
  counter.flops += 2 * 5 * queries * levels * points * width * depth;
  if (width !== outputSize) {
    counter.product(queries + images * projector.eosTokens, width, outputSize);
  }
  return counter;
}

/** M queries attend to themselves and the features, as in mPLUG-Owl's abstractor. */
function countResampler(projector: ProjectorConfig, vision: VisionConfig, images: number): Counter {
  const { hiddenSize: width, depth, ffnSize, outputSize, visualTokens } = projector;
  const queries = images * visualTokens;
  const keys = images * (visualTokens + gridCells(vision));
  return new Counter()
    .product(keys - queries, vision.hiddenSize, width)
    .product(queries, width, width, 2 * depth)
    .product(keys, width, width, 2 * depth)
    .attention(queries * (visualTokens + gridCells(vision)), width, depth)
    .product(queries, width, ffnSize, 3 * depth)
    .product(queries, width, outputSize);
}

function gridCells({ imageSize, patchSize }: VisionConfig): number {
  return Math.floor(imageSize / patchSize) ** 2;
}
