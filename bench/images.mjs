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
import { imageRates } from "./support/image-rates.mjs";
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

const jpeg = await photograph(7);

async function row(atOnce) {
  const { decode, preprocess, rateShare, cpuShare } = await imageRates(jpeg, {
    size: SIZE,
    images,
    rounds,
    atOnce,
  });
  const percent = (share) => `${(100 * share).toFixed(0)} %`;
  return (
    `| ${atOnce} | ${decode.rate.toFixed(0)} | ${preprocess.rate.toFixed(0)} | **${percent(rateShare)}** ` +
    `| ${decode.cpu.toFixed(2)} ms | ${preprocess.cpu.toFixed(2)} ms | ${percent(cpuShare)} |`
  );
}

const cores = availableParallelism();
const rows = [];
for (const atOnce of [cores, 2 * cores]) rows.push(await row(atOnce));
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
