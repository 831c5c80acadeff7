import { join } from "node:path";
import { root, runOrThrow, ScriptError } from "../../scripts/support/process.mjs";

/**
 * Milliseconds of the vision towers, tokens/s of the language model in three formats.
 *
 * @typedef {{vit224?: number, vit336?: number, prefill?: number, decode?: number, prefill8?: number, decode8?: number,
 *   prefill4?: number, decode4?: number}} Sample
 */

const PREFILL = 256;
const DECODE = 64;
const PICTURE = join(root, "test/golden/images/c.png");

/**
 * One round of llama.cpp: llama-bench on the language model, llama-mtmd-cli on the two vision towers. Each program
 * warms up by itself.
 *
 * @returns {Promise<Sample>}
 */
export async function measurePeer(bin, models, threads) {
  const rates = async (model) => {
    const lengths = ["-p", String(PREFILL), "-n", String(DECODE)];
    const options = ["-m", model, "-t", String(threads), ...lengths, "-r", "1", "-o", "json"];
    const rows = parseJson(await runOrThrow(join(bin, "llama-bench"), options));
    return ["n_prompt", "n_gen"].map((key) => rows.find((row) => row[key] > 0).avg_ts);
  };
  const [prefill, decode] = await rates(models.llama);
  const [prefill8, decode8] = await rates(models.llamaQ8);
  const [prefill4, decode4] = await rates(models.llamaQ4);
  return {
    prefill,
    decode,
    prefill8,
    decode8,
    prefill4,
    decode4,
    vit224: await encodeMilliseconds(bin, models.text224, models.vit224, threads),
    vit336: await encodeMilliseconds(bin, models.text336, models.vit336, threads),
  };
}

/** llama-mtmd-cli's own time of tower and projector, reading and resizing the picture not counted. */
async function encodeMilliseconds(bin, text, vit, threads) {
  const program = join(bin, "llama-mtmd-cli");
  const prompt = ["--image", PICTURE, "--prompt", "x", "--predict", "1", "--chat-template", "vicuna"];
  const output = await runOrThrow(program, ["-m", text, "--mmproj", vit, "-t", String(threads), ...prompt]);
  const found = /encoding done in (\d+) ms/.exec(output);
  if (!found) throw new ScriptError(`${output}\nllama-mtmd-cli printed no line "encoding done in N ms".`);
  return Number(found[1]);
}

/**
 * One round of honeybee at the same sizes. Its encode runs from RGB bytes through tower and projector.
 *
 * @returns {Promise<Sample>}
 */
export async function measureUs(threads) {
  // C-Abstractors read the last hidden state; llama.cpp's towers stop one layer before it, so ours has 23 layers too.
  const lengths = ["--prefill", PREFILL, "--decode", DECODE];
  const small = await honeybeeBench("random:1.1B-C-Abs-M144,vision-layers=23", threads, "bf16", lengths);
  const quantized = await honeybeeBench(
    "random:1.1B-C-Abs-M144,vision-layers=1",
    threads,
    "int8,int4",
    lengths,
  );
  // LLaVA-1.5 is the shape with a tower of 336 pixels; its decoder is not what is measured here.
  const large = await honeybeeBench("random:llava-1.5-7b,layers=1", threads, "bf16", [
    "--prefill",
    1,
    "--decode",
    1,
  ]);
  const rate = (rows, format) => rows.find((row) => row.format === format).tokensPerSecond;
  return {
    prefill: rate(small.prefill, "bf16"),
    decode: rate(small.decode, "bf16"),
    prefill8: rate(quantized.prefill, "int8"),
    decode8: rate(quantized.decode, "int8"),
    prefill4: rate(quantized.prefill, "int4"),
    decode4: rate(quantized.decode, "int4"),
    vit224: encodeAt(small, 224),
    vit336: encodeAt(large, 336),
  };
}

async function honeybeeBench(model, threads, formats, lengths) {
  const options = [
    "--json",
    "--quiet",
    "--formats",
    formats,
    "--threads",
    threads,
    "--repeat",
    1,
    ...lengths,
  ];
  const args = ["dist/lib/cli/main.js", "bench", model, ...options];
  return parseJson(await runOrThrow(process.execPath, args.map(String)));
}

function encodeAt(report, size) {
  const row = report.encode.find((each) => each.size === size);
  if (!row) throw new ScriptError(`honeybee bench measured no image of ${size} pixels.`);
  return row.ms;
}

/** The JSON document in a program's output, whose notes may stand around it. */
function parseJson(output) {
  const start = output.search(/^[[{]/m);
  const end = Math.max(output.lastIndexOf("\n]"), output.lastIndexOf("\n}")) + 2;
  return JSON.parse(output.slice(start, end));
}
