/**
 * The sizes at which kernels run in the official models, and functions that give what a kernel does at each of them a
 * label.
 *
 * @typedef {object} Work what one launch does
 * @property {number} bytes that must move to or from device memory: each input and output once
 * @property {number} flops
 * @property {"tensor" | "fma"} unit what it multiplies with
 *
 * @typedef {Work & {label: string, decoder?: string, times?: number}} SizedWork decoder and times: how often "7B" or
 *   "13B" launches it in a decoding step of batch 1
 */

/** Llama decoders (Vicuna 1.5): heads of 128, as many for keys as for queries. */
const DECODERS = {
  "7B": { hidden: 4096, headDim: 128, ffn: 11008, layers: 32, vocabulary: 32000 },
  "13B": { hidden: 5120, headDim: 128, ffn: 13824, layers: 40, vocabulary: 32000 },
};
/** Rows of a decoding step, one a sequence. */
const BATCHES = [1, 64];
/** Tokens that a decoding sequence attends to: an image, a question and half an answer. */
export const CONTEXT = 512;
/** Rows of a prefill. */
const PROMPT = 2048;

/** CLIP ViT-L/14, its two image sizes; rows are the patches and the class token. */
const TOWERS = [
  { pixels: 224, rows: 257, width: 1024, heads: 16, ffn: 4096, patch: 14 },
  { pixels: 336, rows: 577, width: 1024, heads: 16, ffn: 4096, patch: 14 },
];

/** C- and D-Abstractors as trained: cells of the feature map, visual tokens; heads and points are D-Abs' own. */
const ABSTRACTORS = [
  { model: "7B M144", side: 16, cells: 256, tokens: 144, width: 1024, heads: 8, points: 4 },
  { model: "13B M256", side: 24, cells: 576, tokens: 256, width: 1024, heads: 8, points: 4 },
];

/** The Resampler of the paper's comparison. */
const RESAMPLER = { cells: 256, tokens: 64, width: 1024, heads: 16 };

/** Images encoded together. */
const IMAGES = 16;

const times = (work, { bytes, flops, unit }) => ({ bytes: work * bytes, flops: work * flops, unit });

/**
 * Decoding steps of both decoders.
 *
 * @param {(sizes: typeof DECODERS["7B"], rows: number) => Work} work
 * @param {(sizes: typeof DECODERS["7B"]) => number} launches of a step
 * @returns {SizedWork[]}
 */
export const decoding = (work, launches, batches = BATCHES) =>
  Object.entries(DECODERS).flatMap(([name, sizes]) =>
    batches.map((rows) => ({
      label: `${name} decode, batch ${rows}`,
      ...(rows === 1 ? { decoder: name, times: launches(sizes) } : {}),
      ...work(sizes, rows),
    })),
  );

/** A prefill of both decoders. */
export const prefill = (work) =>
  Object.entries(DECODERS).map(([name, sizes]) => ({
    label: `${name} prefill, ${PROMPT}`,
    ...work(sizes, PROMPT),
  }));

/** Decoding steps and a prefill: for kernels that take rows of either kind. */
export const decoder = (work, launches) => [...decoding(work, launches), ...prefill(work)];

/** A picture that is resized before a tower sees it, and the inputs that a pixel reads along either axis. */
const PICTURE = { width: 640, height: 480, pixels: 224, columnTaps: 12, rowTaps: 9 };

/** What is done for one picture on its way to the size of the tower. */
export const picture = (work) => [
  { label: `${PICTURE.width}×${PICTURE.height} to ${PICTURE.pixels} px`, ...work(PICTURE) },
];

const images = (name, list, describe) => (work) =>
  list.map((sizes) => ({
    label: `${name} ${describe(sizes)}, ${IMAGES} images`,
    ...times(IMAGES, work(sizes)),
  }));

/** What is done for one image, times the images encoded together. */
export const tower = images("ViT-L/14", TOWERS, ({ pixels }) => `${pixels} px`);
export const cAbstractor = images("C-Abs", ABSTRACTORS, ({ model }) => model);
export const dAbstractor = images("D-Abs", ABSTRACTORS, ({ model }) => model);
export const resampler = images("Resampler", [RESAMPLER], ({ tokens }) => `M${tokens}`);
