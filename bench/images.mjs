/**
 * How much of the rate of sharp's raw decoding alone is left when a picture is also resized and normalised: 640×480
 * JPEG → 224 pixels, both sides in alternating rounds of one process. Writes bench/results/images-*.md.
 *
 *   node bench/images.mjs [--rounds N] [--images N]        (after `npm run build`; about a minute)
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { loadSharp } from "../dist/lib/image/sharp.js";
import { preprocess } from "../dist/lib/index.js";
import { HEIGHT, photograph, WIDTH } from "./support/photograph.mjs";

const SIZE = 224;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    images: { type: "string", default: "200" },
  },
});
const rounds = Number(values.rounds);
const images = Number(values.images);
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** With the settings honeybee decodes under: one picture on one thread, no cache. */
const sharp = await loadSharp();

/** `task` for all images, `atOnce` under way at a time: images a second, and milliseconds of CPU an image. */
async function measure(task, atOnce) {
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

const jpeg = await photograph(7);
const tasks = {
  decode: () => sharp(jpeg).raw().toBuffer(),
  preprocess: () => preprocess(jpeg, { size: SIZE }),
};

async function compare(atOnce) {
  const samples = { decode: [], preprocess: [] };
  for (let round = -1; round < rounds; round++) {
    const order = round % 2 === 0 ? ["decode", "preprocess"] : ["preprocess", "decode"];
    for (const name of order) {
      const sample = await measure(tasks[name], atOnce);
      if (round >= 0) samples[name].push(sample); // the first round warms up
    }
  }
  const of = (name, figure) => median(samples[name].map((sample) => sample[figure]));
  const pairs = samples.decode.map((decode, i) => [decode, samples.preprocess[i]]);
  const rateShare = median(pairs.map(([decode, both]) => both.rate / decode.rate));
  const cpuShare = median(pairs.map(([decode, both]) => decode.cpu / both.cpu));
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  return (
    `| ${atOnce} | ${of("decode", "rate").toFixed(0)} | ${of("preprocess", "rate").toFixed(0)} ` +
    `| **${percent(rateShare)}** | ${of("decode", "cpu").toFixed(2)} ms ` +
    `| ${of("preprocess", "cpu").toFixed(2)} ms | ${percent(cpuShare)} |`
  );
}

const cores = availableParallelism();
const rows = [];
for (const atOnce of [cores, 2 * cores]) rows.push(await compare(atOnce));
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const date = new Date().toISOString().slice(0, 10);
const cpu = cpus()[0].model.trim();
const lines = [
  "# Preparing images beside decoding them",
  "",
  `${cpu}, ${cores} cores, ${date}, commit ${commit}. A ${WIDTH}×${HEIGHT} JPEG of ${jpeg.length} bytes; \`decode\` is`,
  `\`sharp(jpeg).raw().toBuffer()\`, \`preprocess\` is \`preprocess(jpeg, { size: ${SIZE} })\`; medians of ${rounds} alternating`,
  `rounds of ${images} images each; a share is the median of the rounds' shares. Aim: ≥ 80 %.`,
  "",
  "| under way | decode/s | preprocess/s | share of decode | decode, CPU an image | preprocess, CPU | share |",
  "|---|---|---|---|---|---|---|",
  ...rows,
  "",
];
const slug = cpu.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
writeFileSync(new URL(`results/images-${slug}-${date}.md`, import.meta.url), lines.join("\n"));
console.log(lines.join("\n"));
