import { join } from "node:path";
import { root, runOrThrow, ScriptError } from "../../scripts/support/process.mjs";

/** @typedef {{vit224?: number, vit336?: number, prefill?: number, decode?: number}} Sample ms, ms, tokens/s, tokens/s */

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
  const lengths = ["-p", String(PREFILL), "-n", String(DECODE)];
  const llamaBench = ["-m", models.llama, "-t", String(threads), ...lengths, "-r", "1", "-o", "json"];
  const rows = parseJson(await runOrThrow(join(bin, "llama-bench"), llamaBench));
  const rate = (key) => rows.find((row) => row[key] > 0).avg_ts;
  return {
    prefill: rate("n_prompt"),
    decode: rate("n_gen"),
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
  const small = await honeybeeBench("random:1.1B-C-Abs-M144,vision-layers=23", threads, [
    "--prefill",
    PREFILL,
    "--decode",
    DECODE,
  ]);
  // LLaVA-1.5 is the shape with a tower of 336 pixels; its decoder is not what is measured here.
  const large = await honeybeeBench("random:llava-1.5-7b,layers=1", threads, ["--prefill", 1, "--decode", 1]);
  return {
    prefill: small.prefill[0].tokensPerSecond,
    decode: small.decode[0].tokensPerSecond,
    vit224: encodeAt(small, 224),
    vit336: encodeAt(large, 336),
  };
}

async function honeybeeBench(model, threads, lengths) {
  const options = ["--json", "--quiet", "--weights", "bf16", "--threads", threads, "--repeat", 1, ...lengths];
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
