import {
  CONTEXT,
  cAbstractor,
  dAbstractor,
  decoder,
  decoding,
  picture,
  prefill,
  resampler,
  tower,
} from "./cuda-sizes.mjs";

/** @typedef {import("./cuda-sizes.mjs").SizedWork} SizedWork */

const SIZES = { f32: 4, bf16: 2, f16: 2, KvInt8: 1, KvFp8: 1 };
/** Bytes of a value of a template argument. */
const sizeOf = (type) => SIZES[type] ?? 4;
/** Tensor cores would round f32; codes become bf16. */
const unitOf = (type) => (sizeOf(type) <= 2 ? "tensor" : "fma");
/** Bytes of a value where it is multiplied. */
const factorOf = (type) => Math.max(2, sizeOf(type));
/** Bytes of a value of a head in the cache: codes have a scale of 4 bytes for all of them. */
const keptOf = (type, dim) => sizeOf(type) + (sizeOf(type) === 1 ? 4 / dim : 0);

/** A pass over `values` values: `moved` bytes and `flops` operations for each, on the ordinary units. */
const pass = (values, moved, flops) => ({ bytes: values * moved, flops: values * flops, unit: "fma" });

/** y = x wᵀ with the weight read once. */
const product = (rows, out, width, type) => ({
  bytes: (out * width + rows * (out + width)) * sizeOf(type),
  flops: 2 * rows * out * width,
  unit: unitOf(type),
});

/**
 * softmax(q kᵀ) v: q, k, v and out once, k and v in `kept` bytes a value; two products of `pairs` pairs of a query and a
 * key over the width.
 */
const attention = ({ queries, keys, width, type, pairs = queries * keys, kept = sizeOf(type) }) => ({
  bytes: 2 * (queries * factorOf(type) + keys * kept) * width,
  flops: 4 * pairs * width,
  unit: unitOf(type),
});

/** Keys that attention takes at once. */
const TILE_KEYS = 64;
/** Channels of a head. */
const TOWER_DIM = 64;
const DECODER_DIM = 128;

/** "TensorTile<bf16, 128, 4>" or "PlainTile<f32>", which takes any dim. */
function tileOf(text) {
  const [, kind, type, dim, warps] = /^(\w+)<(\w+)(?:, (\d+), (\d+))?>$/.exec(text) ?? [];
  return { kind, type, dim: Number(dim), warps: Number(warps) };
}

/** What decoders run: tensor tiles of their own dim, and plain ones in f32; the others are for other models. */
function ofDecoders(tile, work) {
  const { kind, type, dim } = tileOf(tile);
  const used = kind === "TensorTile" ? dim === DECODER_DIM : type === "f32";
  return used ? work(type, keptOf(type, DECODER_DIM)) : [];
}

/** The products of a decoding step: [out, in] and how often. */
const PRODUCTS = {
  "gate and up": [({ ffn, hidden }) => [2 * ffn, hidden], ({ layers }) => layers],
  qkv: [({ hidden }) => [3 * hidden, hidden], ({ layers }) => layers],
  output: [({ hidden }) => [hidden, hidden], ({ layers }) => layers],
  down: [({ ffn, hidden }) => [hidden, ffn], ({ layers }) => layers],
  head: [({ vocabulary, hidden }) => [vocabulary, hidden], () => 1],
};

/** `work(rows, out, width)` of each product of decoding. One tile takes up to 8 rows, two up to 16. */
const decodingProducts = (tiles, work) =>
  Object.entries(PRODUCTS).flatMap(([name, [shape, launches]]) =>
    decoding((sizes, rows) => work(rows, ...shape(sizes)), launches, tiles === "2" ? [15] : [1, 8]).map(
      (sized) => ({ ...sized, label: `${sized.label}: ${name}` }),
    ),
  );

/** Bytes of a weight: int4 in groups of 32. */
const CODE_BYTES = { Int8Codes: 1, Fp8Codes: 1, Int4Codes: 1 / 2 + 4 / 32 };

/** y = x wᵀ, bf16, with codes that are read once. */
const quantizedProduct = (rows, out, width, codes) => ({
  bytes: out * width * CODE_BYTES[codes] + 2 * rows * (out + width),
  flops: 2 * rows * out * width,
  unit: "tensor",
});

/** Not a part of the steps that the report adds up, whose weights are bf16. */
const apart = (list) => list.map(({ decoder, times, ...work }) => work);

/** Rows of logits, f32, read (or read and written) once. */
const logits = (moved, flops, launches = 1) =>
  decoding(
    ({ vocabulary }, rows) => pass(rows * vocabulary, moved, flops),
    () => launches,
  );

const everyLayer = ({ layers }) => layers;

/**
 * For each kernel, by the name of its function, the sizes it runs at; the first is the one that the report shows.
 * Template arguments come as kernelName (cuda-listing.mjs) gives them. Operations are counted in f32, a transcendental
 * function as one.
 *
 * @type {Record<string, (args: string[]) => SizedWork[]>}
 */
export const KERNELS = {
  // norm.cu
  layer_norm_kernel: ([type, finish]) =>
    finish === "(Finish)1"
      ? cAbstractor(({ cells, width }) => pass(cells * width, 2 * sizeOf(type), 12))
      : tower(({ rows, width }) => pass(rows * width, 2 * sizeOf(type), 8)),
  add_layer_norm_kernel: ([type]) =>
    dAbstractor(({ tokens, width }) => pass(tokens * width, 3 * sizeOf(type), 9)),
  rms_norm_kernel: ([type]) =>
    decoder(
      ({ hidden }, rows) => pass(rows * hidden, 2 * sizeOf(type), 4),
      ({ layers }) => 2 * layers + 1,
    ),

  // elementwise.cu, convert.cu
  activate_kernel: ([type]) => tower(({ rows, ffn }) => pass(rows * ffn, 2 * sizeOf(type), 5)),
  silu_mul_kernel: ([type]) => decoder(({ ffn }, rows) => pass(rows * ffn, 3 * sizeOf(type), 5), everyLayer),
  add_kernel: ([type]) => tower(({ rows, width }) => pass(rows * width, 2 * sizeOf(type), 1)),
  add_silu_kernel: ([type]) => cAbstractor(({ cells, width }) => pass(cells * width, 3 * sizeOf(type), 5)),
  gather_rows_kernel: ([type]) =>
    decoding(
      ({ hidden }, rows) => pass(rows * hidden, 2 * sizeOf(type), 0),
      () => 1,
    ),
  convert_kernel: ([from, to]) =>
    tower(({ rows, width }) => pass(rows * width, sizeOf(from) + sizeOf(to), 0)),

  // gemv.cu, embed.cu
  gemv_kernel: ([type, tiles]) =>
    decodingProducts(tiles, (rows, out, width) => product(rows, out, width, type)),
  embed_kernel: ([type]) =>
    decoder(
      ({ hidden }, rows) => pass(rows * hidden, 2 * sizeOf(type), 0),
      () => 1,
    ),

  embed_codes_kernel: () =>
    apart(
      decoding(
        ({ hidden }, rows) => pass(rows * hidden, 3, 2),
        () => 1,
      ),
    ),

  // quantized_gemv.cu, quantized_matmul.cu, gather_columns.cu, fp8_linear.cu: around the product of gate and up
  quantized_gemv_kernel: ([codes, tiles]) =>
    apart(decodingProducts(tiles, (rows, out, width) => quantizedProduct(rows, out, width, codes))),
  quantized_matmul_kernel: ([codes, rowWarps]) => {
    const work = ({ ffn, hidden }, rows) => quantizedProduct(rows, 2 * ffn, hidden, codes);
    return rowWarps === "2" ? prefill(work) : apart(decoding(work, () => 1, [64]));
  },
  gather_columns_kernel: () => prefill(({ hidden }, rows) => pass(rows * hidden, 4, 0)),
  quantize_rows_kernel: () => prefill(({ hidden }, rows) => pass(rows * hidden, 3, 10)),
  scale_sums_kernel: () => prefill(({ ffn }, rows) => pass(rows * 2 * ffn, 6, 2)),

  // attention.cu: tensor tiles for the heads of the tower and of the Resampler, exact f32 for all
  attention_kernel: ([tile]) => {
    const { kind, type, dim } = tileOf(tile);
    const exact = kind === "PlainTile" && type === "f32";
    if (!exact && dim !== TOWER_DIM) return [];
    const inF32Only = dAbstractor(({ tokens, width }) =>
      attention({ queries: tokens, keys: tokens, width, type }),
    );
    return [
      ...tower(({ rows, width }) => attention({ queries: rows, keys: rows, width, type })),
      ...resampler(({ tokens, cells, width }) =>
        attention({ queries: tokens, keys: tokens + cells, width, type }),
      ),
      ...(exact ? inF32Only : []),
    ];
  },

  // rope.cu: q in place, k and v to the cache
  rope_append_kernel: ([type, cached]) =>
    decoder(
      ({ hidden }, rows) => pass(rows * hidden, 4 * sizeOf(type) + 2 * keptOf(cached, DECODER_DIM), 6),
      everyLayer,
    ),
  // paged_attention.cu: half of all pairs, the others lie ahead
  paged_attention_kernel: ([tile]) =>
    ofDecoders(tile, (type, kept) =>
      prefill(({ hidden }, rows) =>
        attention({ queries: rows, keys: rows, width: hidden, type, kept, pairs: (rows * (rows + 1)) / 2 }),
      ),
    ),
  // decode_attention.cu
  decode_attention_kernel: ([tile]) =>
    ofDecoders(tile, (type, kept) =>
      decoding(
        ({ hidden }, rows) =>
          attention({
            queries: rows,
            keys: rows * CONTEXT,
            width: hidden,
            type,
            kept,
            pairs: rows * CONTEXT,
          }),
        everyLayer,
      ),
    ),
  fold_parts_kernel: ([type]) =>
    decoding(({ hidden, headDim }, rows) => {
      const parts = CONTEXT / TILE_KEYS;
      const heads = hidden / headDim;
      const bytes = rows * (heads * parts * (headDim + 2) * 4 + hidden * factorOf(type));
      return { bytes, flops: 2 * rows * hidden * parts, unit: "fma" };
    }, everyLayer),

  // resize.cu
  resize_columns_kernel: () =>
    picture(({ width, height, pixels, columnTaps }) => ({
      bytes: 3 * height * (width + pixels),
      flops: 2 * 3 * height * pixels * columnTaps,
      unit: "fma",
    })),
  resize_rows_kernel: () =>
    picture(({ height, pixels, rowTaps }) => ({
      bytes: 3 * pixels * (height + pixels),
      flops: 2 * 3 * pixels * pixels * rowTaps,
      unit: "fma",
    })),

  // patchify.cu, conv.cu, pool.cu, deformable.cu
  patchify_kernel: ([type]) => tower(({ pixels }) => pass(3 * pixels * pixels, 1 + sizeOf(type), 3)),
  depthwise_conv3x3_kernel: ([type]) =>
    cAbstractor(({ cells, width }) => pass(cells * width, 2 * sizeOf(type), 18)),
  mean_rows_kernel: ([type]) => cAbstractor(({ cells, width }) => pass(cells * width, sizeOf(type), 1)),
  gate_channels_kernel: ([type]) =>
    cAbstractor(({ cells, width }) => pass(cells * width, 2 * sizeOf(type), 5)),
  adaptive_avg_pool_kernel: ([type]) =>
    cAbstractor(({ cells, tokens, width }) => ({
      bytes: (cells + tokens) * width * sizeOf(type),
      flops: 4 * tokens * width,
      unit: "fma",
    })),
  deformable_sample_kernel: () =>
    dAbstractor(({ cells, tokens, width, heads, points }) => ({
      bytes: 4 * ((cells + tokens) * width + tokens * heads * points * 3),
      flops: tokens * width * points * 10,
      unit: "fma",
    })),

  // sampling.cu, logprobs.cu
  penalize_kernel: () => logits(8, 4),
  filter_kernel: () => logits(4, 2),
  choose_token_kernel: () => logits(4, 2),
  token_logprobs_kernel: () => logits(4, 2, 0),
};

/**
 * What a compiled kernel does at its sizes.
 *
 * @param {{base: string, args: string[]}} kernel
 * @returns {SizedWork[] | undefined} empty if the official models do not run this variant; undefined if the table does
 *   not know the kernel
 */
export const workOf = ({ base, args }) => KERNELS[base]?.(args);

/** Attention kernels: stages of keys in shared memory, and the channels of a head in the official models. */
const TILED = {
  attention_kernel: { stages: 2, headDim: TOWER_DIM },
  paged_attention_kernel: { stages: 2, headDim: DECODER_DIM },
  decode_attention_kernel: { stages: 1, headDim: DECODER_DIM },
};

/** Two stages of 128 columns: 64 rows of x a row of warps, and 128 outputs. */
const quantizedStages = ([codes, rowWarps]) =>
  2 * (64 * Number(rowWarps) * 256 + 128 * (codes === "Int4Codes" ? 64 : 128));

/**
 * Shared memory that a kernel's launcher asks for, which the compiled code does not tell: shared_bytes of
 * cuda/attention_tile.h and cuda/attention_plain.h, Stages of cuda/quantized_matmul.cu.
 *
 * @param {{base: string, args: string[]}} kernel
 * @returns {number} bytes of a block
 */
export function dynamicShared({ base, args }) {
  if (base === "quantized_matmul_kernel") return quantizedStages(args);
  if (!TILED[base]) return 0;
  const { stages, headDim } = TILED[base];
  const { kind, type, dim, warps } = tileOf(args[0]);
  if (kind === "TensorTile") return factorOf(type) * dim * (16 * warps + 2 * TILE_KEYS * stages);
  return 4 * (TILE_KEYS * (2 * headDim + 1) + 16 * (headDim + TILE_KEYS));
}
