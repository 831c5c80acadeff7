import { loadSharp } from "../../dist/lib/image/sharp.js";
import { preprocess } from "../../dist/lib/index.js";

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** `task` for so many images, `atOnce` under way at a time: images a second, and milliseconds of CPU an image. */
async function measure(task, images, atOnce) {
  let left = images;
  const lane = async () => {
    while (left-- > 0) await task();
  };
  const begin = performance.now();
  const cpuBegin = process.cpuUsage();
  await Promise.all(Array.from({ length: atOnce }, lane));
  const { user, system } = process.cpuUsage(cpuBegin);
  return { rate: (1000 * images) / (performance.now() - begin), cpu: (user + system) / 1000 / images };
}

/**
 * Preparing a picture beside sharp's raw decoding alone, in alternating rounds after one that warms up.
 *
 * @param {Buffer} jpeg
 * @param {{size: number, images: number, rounds: number, atOnce: number}} options
 * @returns {Promise<{decode: {rate: number, cpu: number}, preprocess: {rate: number, cpu: number}, rateShare: number,
 *   cpuShare: number}>} medians; a share is the median of the rounds' shares of decoding
 */
export async function imageRates(jpeg, { size, images, rounds, atOnce }) {
  // With the settings honeybee decodes under: one picture on one thread, no cache.
  const sharp = await loadSharp();
  const tasks = {
    decode: () => sharp(jpeg).raw().toBuffer(),
    preprocess: () => preprocess(jpeg, { size }),
  };
  const samples = { decode: [], preprocess: [] };
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? ["decode", "preprocess"] : ["preprocess", "decode"];
    for (const name of order) {
      const sample = await measure(tasks[name], images, atOnce);
      if (round >= 0) samples[name].push(sample);
    }
  }
  const of = (name) => ({
    rate: median(samples[name].map(({ rate }) => rate)),
    cpu: median(samples[name].map(({ cpu }) => cpu)),
  });
  const pairs = samples.decode.map((decode, i) => [decode, samples.preprocess[i]]);
  return {
    decode: of("decode"),
    preprocess: of("preprocess"),
    rateShare: median(pairs.map(([decode, both]) => both.rate / decode.rate)),
    cpuShare: median(pairs.map(([decode, both]) => decode.cpu / both.cpu)),
  };
}
