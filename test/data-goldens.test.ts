import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { TemplateDataset } from "../lib/data/dataset.js";
import {
  type Dataset,
  type Deduplication,
  Mixture,
  normaliseWeights,
  openGqa,
  openLlava,
  openRefCoco,
  openVqa,
  Random,
  type RefCocoName,
} from "../lib/data/index.js";
import { readJson, readJsonl } from "./support/jsonl.js";
import { goldenPath } from "./support/paths.js";

interface GoldenItem {
  image: string;
  examples?: unknown[];
  possible_texts?: string[];
  number_of_possible_texts?: number;
  text?: string;
}

interface GoldenDataset {
  dataset: string;
  config: {
    root?: string;
    nturn?: number;
    dedup?: (Deduplication & { online?: boolean }) | false;
    datanames?: [RefCocoName];
    bbox_coord_style?: number;
    input_files?: string[];
    meta_root_path?: string;
    image_root_path?: string;
  };
  length: number;
  items: GoldenItem[];
}

const ROOT = goldenPath("training", "annotations");
const inRoot = (path: string) => path.replace(/^ROOT/, ROOT);

function open({ dataset, config }: GoldenDataset): Promise<Dataset> {
  const turns = config.nturn!;
  const deduplication = config.dedup || undefined;
  switch (dataset) {
    case "gqa":
      return openGqa(inRoot(config.root!), { turns, deduplication: deduplication ?? null });
    case "vqa":
      return openVqa(inRoot(config.root!), { turns, ...(deduplication && { deduplication }) });
    case "llava150k":
      return openLlava(config.input_files!.map(inRoot), inRoot(config.image_root_path!));
    default:
      return openRefCoco(
        config.datanames![0],
        inRoot(config.meta_root_path!),
        inRoot(config.image_root_path!),
        {
          turns,
          decimals: config.bbox_coord_style!,
          ...(deduplication && { deduplication }),
        },
      );
  }
}

const goldens = readJsonl<GoldenDataset>("training", "builder.jsonl");
t.equal(goldens.length, 11, "configurations to compare");

for (const golden of goldens) {
  t.test(`${golden.dataset} ${JSON.stringify(golden.config)}`, async (t) => {
    const dataset = await open(golden);
    t.equal(dataset.length, golden.length);
    t.equal(golden.items.length, golden.length);
    const random = new Random(1);
    for (const [n, item] of golden.items.entries()) {
      if (dataset instanceof TemplateDataset) t.same(dataset.items[n]!.examples, item.examples);
      const drawn = dataset.get(n, random);
      t.equal(drawn.image, inRoot(item.image));
      if (item.text !== undefined) t.equal(drawn.text, item.text);
      if (item.possible_texts === undefined) continue;
      // So many draws miss one of a few texts with a probability below 1e-9.
      const draws = 25 * item.possible_texts.length + 50;
      const seen = new Set(Array.from({ length: draws }, () => dataset.get(n, random).text));
      t.same([...seen].sort(), [...item.possible_texts].sort());
    }
  });
}

t.test("items with more forms than can be listed have as many as the official code counts", async (t) => {
  let compared = 0;
  for (const golden of goldens) {
    const dataset = await open(golden);
    if (!(dataset instanceof TemplateDataset)) continue;
    for (const [n, { number_of_possible_texts, possible_texts }] of golden.items.entries()) {
      if (possible_texts !== undefined || number_of_possible_texts === undefined) continue;
      // Examples of one entry may say the same.
      const sizes = dataset.items[n]!.examples.map((entry) => {
        return new Set([entry].flat().map((example) => JSON.stringify(example))).size;
      });
      t.equal(
        sizes.reduce((product, size) => product * size, 1),
        number_of_possible_texts,
      );
      compared++;
    }
  }
  t.equal(compared, 4);
});

t.test("weights of datasets", (t) => {
  const golden = readJson<{
    weights: number[];
    lengths: number[];
    normalised: number[];
    uniform: number[];
    length_ratio: number[];
    samples_per_pass: number;
  }>("training", "sampling.json");
  const { lengths } = golden;
  const close = (ours: number[], theirs: number[]) => {
    t.equal(ours.length, theirs.length);
    for (const [n, value] of ours.entries()) {
      // One division and one sum of thirteen numbers in double precision.
      t.ok(Math.abs(value - theirs[n]!) <= 16 * Number.EPSILON * theirs[n]!, `weight ${n}`);
    }
  };
  close(normaliseWeights(golden.weights, lengths), golden.normalised);
  close(normaliseWeights("uniform", lengths), golden.uniform);
  close(normaliseWeights("length_ratio", lengths), golden.length_ratio);
  const named = lengths.map((length, n): Dataset => {
    return { name: `d${n}`, length, problems: [], get: () => ({ image: null, text: "" }) };
  });
  const mixture = new Mixture(named, golden.weights);
  t.equal(mixture.samplesPerPass(), golden.samples_per_pass);
  t.equal(mixture.samplesPerPass(8), Math.floor(golden.samples_per_pass / 8));
  const random = new Random(7);
  const draws = 40_000;
  const counts = named.map(() => 0);
  for (let i = 0; i < draws; i++) {
    const { dataset, index } = mixture.draw(random);
    counts[named.indexOf(dataset)]!++;
    if (index < 0 || index >= dataset.length) t.fail(`index ${index} of ${dataset.length}`);
  }
  for (const [n, p] of golden.normalised.entries()) {
    const deviation = Math.sqrt(draws * p * (1 - p));
    t.ok(Math.abs(counts[n]! - draws * p) < 5 * deviation, `dataset ${n}: ${counts[n]} draws`);
  }
  t.end();
});

t.test("files of the released data are in the order that Python reads them in", async (t) => {
  const folder = t.testdir({
    annotations: {
      "train_balanced_questions_minimal.json": readFileSync(
        join(ROOT, "GQA", "annotations", "train_balanced_questions_minimal.json"),
        "utf8",
      ).replace(/^\{/, '{"9": {"imageId": "z", "question": "a \\"}{[:,", "answer": "x", "fullAnswer": ""}, '),
    },
  });
  const dataset = await openGqa(folder);
  t.match(dataset.get(0, new Random(1)).image, /z\.jpg$/, "the first in the file, though 9 is not the least");
  t.match(dataset.get(0, new Random(1)).text, /a "\}\{\[:,/);
});
