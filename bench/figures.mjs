/**
 * The figures beside speed: memory while loading and running, load rate from the page cache, lateness of the event
 * loop while generating, and what each abstractor costs beside the vision tower. Writes bench/results/figures-*.md.
 *
 *   node bench/figures.mjs        (after `npm run build`; 2.3 GB of temporary files, about three minutes)
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadModel } from "../dist/lib/index.js";

const MIB = 2 ** 20;
const self = fileURLToPath(import.meta.url);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Peak and present resident memory of this process, in bytes. */
function memory() {
  const status = readFileSync("/proc/self/status", "utf8");
  const field = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) * 1024;
  return { peak: field("VmHWM"), now: field("VmRSS") };
}

/** A Llama of TinyLlama's shape in bf16, random bytes: 2.2 GB in one safetensors file. */
function writeLlama(folder) {
  const config = {
    model_type: "llama",
    architectures: ["LlamaForCausalLM"],
    hidden_size: 2048,
    intermediate_size: 5632,
    num_hidden_layers: 22,
    num_attention_heads: 32,
    num_key_value_heads: 4,
    vocab_size: 640,
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: false,
    torch_dtype: "bfloat16",
  };
  const shapes = {
    "model.embed_tokens.weight": [640, 2048],
    "model.norm.weight": [2048],
    "lm_head.weight": [640, 2048],
  };
  for (let i = 0; i < 22; i++) {
    const layer = `model.layers.${i}.`;
    for (const name of ["input_layernorm", "post_attention_layernorm"])
      shapes[`${layer}${name}.weight`] = [2048];
    for (const [name, out, inner] of [
      ["self_attn.q_proj", 2048, 2048],
      ["self_attn.k_proj", 256, 2048],
      ["self_attn.v_proj", 256, 2048],
      ["self_attn.o_proj", 2048, 2048],
      ["mlp.gate_proj", 5632, 2048],
      ["mlp.up_proj", 5632, 2048],
      ["mlp.down_proj", 2048, 5632],
    ])
      shapes[`${layer}${name}.weight`] = [out, inner];
  }
  const header = {};
  let offset = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const bytes = 2 * shape.reduce((a, b) => a * b);
    header[name] = { dtype: "BF16", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  // Any pattern of small bf16 numbers will do: only the bytes are moved.
  const block = Buffer.alloc(8 * MIB);
  for (let i = 0; i < block.length; i += 2) block.writeUInt16LE(0x3c00 + ((i * 2654435761) % 256), i);
  const file = openSync(join(folder, "model.safetensors"), "w");
  writeSync(file, length);
  writeSync(file, json);
  for (let left = offset; left > 0; left -= block.length)
    writeSync(file, block, 0, Math.min(left, block.length));
  closeSync(file);
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const tokenizer = new URL("../test/golden/models/cabs-new/tokenizer.model", import.meta.url);
  writeFileSync(join(folder, "tokenizer.model"), readFileSync(tokenizer));
  return offset;
}

/** In a process of its own, so that the peak is that of one load and one answer. */
async function measureLoad(folder) {
  const before = memory().now;
  const model = await loadModel(folder);
  const loaded = memory();
  const late = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    late.push(now - last - 10);
    last = now;
  }, 10);
  await model.generate({ prompt: "The ".repeat(100), maxTokens: 64, ignoreEos: true }).result;
  clearInterval(timer);
  late.sort((a, b) => a - b);
  const { loadMs, weightBytes, kvBytes } = model.info;
  const used = memory();
  await model.dispose();
  const after = memory().now;
  console.log(
    JSON.stringify({
      before,
      loadMs,
      weightBytes,
      kvBytes,
      loadedPeak: loaded.peak,
      runningPeak: used.peak,
      running: used.now,
      after,
      latenessP99: late[Math.floor(late.length * 0.99)],
      ticks: late.length,
    }),
  );
}

async function encodeMs(name, repeat = 5) {
  const model = await loadModel(name, { imageCache: 0 });
  const size = model.info.config.vision.imageSize;
  const image = {
    data: new Uint8Array(size * size * 3).map((_, i) => (i * 31) % 251),
    width: size,
    height: size,
    channels: 3,
  };
  await model.encodeImage(image);
  const times = [];
  for (let i = 0; i < repeat; i++) {
    const begin = performance.now();
    await model.encodeImage(image);
    times.push(performance.now() - begin);
  }
  await model.dispose();
  return median(times);
}

/** Time of the vision tower and of the projector, from runs with 24 vision layers and with one. */
async function projectorShare(name) {
  const all = await encodeMs(`random:${name},layers=1`);
  const one = await encodeMs(`random:${name},layers=1,vision-layers=1`);
  const layer = (all - one) / 23;
  return { name, vision: 24 * layer, projector: one - layer };
}

if (process.argv[2] === "load") {
  await measureLoad(process.argv[3]);
} else {
  const folder = mkdtempSync(join(tmpdir(), "honeybee-figures-"));
  try {
    const bytes = writeLlama(folder);
    const runs = [];
    for (let i = 0; i < 5; i++) {
      const { stdout, status, stderr } = spawnSync(process.execPath, [self, "load", folder], {
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(stderr);
      runs.push(JSON.parse(stdout));
    }
    const of = (key) => median(runs.map((run) => run[key]));
    const mib = (value) => `${(value / MIB).toFixed(0)} MiB`;
    const allowed = 1.1 * bytes + 150 * MIB;
    const shares = [];
    for (const name of ["7B-C-Abs-M144", "7B-D-Abs-M144"]) shares.push(await projectorShare(name));
    const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
    const date = new Date().toISOString().slice(0, 10);
    const cpu = cpus()[0].model.trim();
    const lines = [
      `# Memory, loading, event loop, abstractors`,
      ``,
      `${cpu}, ${cpus().length} cores, ${date}, commit ${commit}; medians of 5 processes (encoding: of 5 runs).`,
      ``,
      `| figure | measured | aim |`,
      `|---|---|---|`,
      `| stored weights, bf16 | ${mib(bytes)} | |`,
      `| load from page cache | ${(bytes / of("loadMs") / 1e6).toFixed(2)} GB/s | ≥ 1.5 |`,
      `| resident, peak while loading | ${mib(of("loadedPeak"))} | ≤ ${mib(allowed)} + KV |`,
      `| resident, peak while running | ${mib(of("runningPeak"))} (KV cache reserved: ${mib(of("kvBytes"))}) | ≤ ${mib(allowed)} + KV |`,
      `| resident after dispose | ${mib(of("after"))} (before loading ${mib(of("before"))}) | |`,
      `| lateness of a 10 ms timer while generating, p99 | ${of("latenessP99").toFixed(1)} ms | ≤ 20 |`,
      ...shares.map(
        ({ name, vision, projector }) =>
          `| ${name}: projector beside the vision tower | ${projector.toFixed(0)} ms beside ${vision.toFixed(0)} ms = ${((100 * projector) / vision).toFixed(0)} % | ≤ ${name.includes("C-Abs") ? 14 : 30} % |`,
      ),
      ``,
    ];
    const slug = cpu.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
    writeFileSync(new URL(`results/figures-${slug}-${date}.md`, import.meta.url), lines.join("\n"));
    console.log(lines.join("\n"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
