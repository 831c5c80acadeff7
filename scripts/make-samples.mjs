/**
 * Writes training samples of the demo model's world as shards of JSON lines (lib/data/world/scene.ts has the format).
 *
 *   node scripts/make-samples.mjs --out FOLDER --stage 1|2 [--split train] [--count N] [--seed N] [--size PIXELS]
 *       [--turns N] [--least-objects N] [--tokenizer FILE] [--shard-mb 12] [--threads N]
 *   node scripts/make-samples.mjs --out FOLDER --questions [--split new] [--count N a task] [--seed N] [--size PIXELS]
 *   node scripts/make-samples.mjs --out FOLDER --datasets [--split train] [--count N] [--seed N] [--size PIXELS]
 *
 * Sample n of a run has the seed (--seed + n), so runs with ranges of seeds apart share nothing. Shards are
 * FOLDER/STEM-00000.jsonl.gz and on, each at most --shard-mb, which a trainer may read in any order; the file names
 * begin with stage and split. With --tokenizer (a vocabulary or a model's folder) the lines hold ids as well.
 * --questions writes one file for each split instead, questions-SPLIT.jsonl.gz; --datasets pictures and files in the
 * layouts of VQAv2, RefCOCO and LLaVA-150K.
 */
import { createWriteStream, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { main, root, ScriptError } from "./support/process.mjs";
import { note, since } from "./support/progress.mjs";

/** Samples that a worker makes at a time. */
const CHUNK = 4096;

const openData = async () => {
  const path = join(root, "dist/lib/data/index.js");
  if (!existsSync(path)) throw new ScriptError("make-samples.mjs: not built yet; run npm run build first.");
  const data = await import(path);
  return { data, atlas: await data.loadAtlas() };
};

async function openTokenizer(path) {
  const { loadTokenizer } = await import(join(root, "dist/lib/tokenizer/index.js"));
  return loadTokenizer(path).catch((error) => {
    throw new ScriptError(`make-samples.mjs: ${error.message}`);
  });
}

/** A worker: chunk numbers in, gzipped chunks out. Members of gzip that follow one another are one stream. */
async function work({ seed, count, options, tokenizer: path }) {
  const { data, atlas } = await openData();
  const tokenizer = path && (await openTokenizer(path));
  const make = (n) => {
    const sample = data.sampleOf(n, atlas, options);
    return JSON.stringify(tokenizer ? data.encodeSample(sample, tokenizer) : sample);
  };
  parentPort.on("message", (chunk) => {
    const first = chunk * CHUNK;
    const lines = [];
    for (let n = first; n < Math.min(count, first + CHUNK); n++) {
      lines.push(make(seed + n));
    }
    parentPort.postMessage({ chunk, bytes: gzipSync(`${lines.join("\n")}\n`, { level: 6 }) });
  });
  parentPort.postMessage(null);
}

function integer(values, name, fallback, least, most) {
  if (values[name] === undefined) return fallback;
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ScriptError(
    `make-samples.mjs: --${name} must be an integer from ${least} to ${most}, not ${values[name]}`,
  );
}

async function writeShards(folder, stem, settings, shardBytes, threads) {
  const chunks = Math.ceil(settings.count / CHUNK);
  let next = 0;
  let shard = 0;
  let size = 0;
  let out;
  const save = (bytes) => {
    if (out && size + bytes.length > shardBytes) {
      out.end();
      out = undefined;
    }
    if (!out) {
      out = createWriteStream(join(folder, `${stem}-${String(shard++).padStart(5, "0")}.jsonl.gz`));
      size = 0;
    }
    out.write(bytes);
    size += bytes.length;
  };
  // Chunks are saved in their order, whichever worker is first, so that a seed always gives the same files.
  const waiting = new Map();
  let saved = 0;
  const workers = Array.from({ length: Math.min(threads, chunks) }, () => {
    const worker = new Worker(new URL(import.meta.url), { workerData: settings });
    return new Promise((done, failed) => {
      worker.on("message", (result) => {
        if (result !== null) waiting.set(result.chunk, result.bytes);
        for (; waiting.has(saved); saved++) {
          save(waiting.get(saved));
          waiting.delete(saved);
        }
        if (next < chunks) worker.postMessage(next++);
        else worker.terminate().then(done);
      });
      worker.on("error", failed);
    });
  });
  await Promise.all(workers);
  await new Promise((done) => out.end(done));
  return shard;
}

const OPTIONS = {
  out: { type: "string" },
  stage: { type: "string" },
  questions: { type: "boolean", default: false },
  datasets: { type: "boolean", default: false },
  split: { type: "string" },
  count: { type: "string" },
  seed: { type: "string" },
  size: { type: "string" },
  turns: { type: "string" },
  "least-objects": { type: "string" },
  tokenizer: { type: "string" },
  "shard-mb": { type: "string" },
  threads: { type: "string" },
};

async function writeQuestions(folder, values, seed, size) {
  const { data, atlas } = await openData();
  const count = integer(values, "count", 500, 1, 1_000_000);
  for (const split of values.split ? [values.split] : data.SPLITS.filter((name) => name !== "train")) {
    const options = { split, ...(size && { size }) };
    const questions = data.TASKS.flatMap((task) => data.questionsOf(task, seed, count, atlas, options));
    const path = join(folder, `questions-${split}.jsonl.gz`);
    writeFileSync(path, gzipSync(questions.map((question) => `${JSON.stringify(question)}\n`).join("")));
    console.log(`${path}: ${questions.length} questions`);
  }
  return 0;
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    throw new ScriptError(`make-samples.mjs: ${error.message}`);
  }
}

async function run() {
  const values = readArguments();
  if (!values.out) throw new ScriptError("make-samples.mjs: needs --out FOLDER");
  const seed = integer(values, "seed", 0, 0, 2 ** 52);
  const size = integer(values, "size", undefined, 144, 224);
  const { data, atlas } = await openData();
  if (values.split && !data.SPLITS.includes(values.split)) {
    throw new ScriptError(
      `make-samples.mjs: --split must be one of ${data.SPLITS.join(", ")}, not ${values.split}`,
    );
  }
  mkdirSync(values.out, { recursive: true });
  if (values.questions) return writeQuestions(values.out, values, seed, size);
  const split = values.split ?? "train";
  const count = integer(values, "count", 10_000, 1, 1_000_000_000);
  if (values.datasets) {
    await data.exportWorld(values.out, atlas, { count, seed, split, ...(size && { size }) });
    return 0;
  }
  const stage = integer(values, "stage", 2, 1, 2);
  const turns = integer(values, "turns", undefined, 1, 32);
  const leastObjects = integer(values, "least-objects", 1, 1, 6);
  const options = { stage, split, leastObjects, ...(size && { size }), ...(turns && { turns }) };
  if (values.tokenizer) await openTokenizer(values.tokenizer);
  const settings = { seed, count, options, tokenizer: values.tokenizer };
  const threads = integer(values, "threads", availableParallelism(), 1, 256);
  const shardBytes = integer(values, "shard-mb", 12, 1, 4096) * 1e6;
  const start = performance.now();
  const shards = await writeShards(values.out, `stage${stage}-${split}`, settings, shardBytes, threads);
  const rate = Math.round((count / (performance.now() - start)) * 1000);
  note(`${count} samples in ${shards} shards, ${rate} samples/s (${since(start)})`);
  return 0;
}

if (isMainThread) await main(run);
else await work(workerData);
