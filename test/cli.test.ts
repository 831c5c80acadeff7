// The command line as a user meets it: a child process, its two streams and its exit code.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { goldenPath, repositoryRoot } from "./support/paths.js";
import { loadTensors } from "./support/safetensors.js";

const model = goldenPath("models", "cabs-new");
const golden = JSON.parse(readFileSync(join(model, "case.json"), "utf8")) as {
  prompt: string;
  prompt_ids: number[];
  generate_ids: number[];
};
const picture = goldenPath("images", "a.png");

async function honeybee(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [main, ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

t.test("run --json --raw gives the golden tokens", async (t) => {
  const { code, stdout, stderr } = await honeybee(
    "run",
    model,
    "--image",
    picture,
    "--prompt",
    golden.prompt,
    "--raw",
    "--weights",
    "f32",
    "--max-tokens",
    "32",
    "--json",
    "--quiet",
  );
  t.equal(code, 0);
  t.equal(stderr, "", "--quiet says nothing");
  const result = JSON.parse(stdout);
  t.same(result.tokens, golden.generate_ids);
  t.equal(result.finishReason, "length");
  t.same(result.usage, {
    promptTokens: golden.prompt_ids.length,
    imageTokens: 9,
    cachedTokens: 0,
    completionTokens: 32,
  });
  t.same(Object.keys(result.timings).sort(), [
    "decodeMs",
    "encodeMs",
    "loadMs",
    "prefillMs",
    "preprocessMs",
    "tokensPerSecond",
  ]);
});

t.test("run streams text to stdout and notes to stderr; --trace writes the reference points", async (t) => {
  const file = join(t.testdir(), "trace.safetensors");
  const { code, stdout, stderr } = await honeybee(
    "run",
    model,
    "--image",
    picture,
    "--prompt",
    golden.prompt,
    "--raw",
    "--weights",
    "f32",
    "--max-tokens",
    "32",
    "--ignore-eos",
    "--trace",
    file,
  );
  t.equal(code, 0);
  t.match(stderr, /prompt tokens \(9 of images\)/);
  t.not(stdout, "");
  const written = loadTensors(file);
  for (const [name, { shape, data }] of loadTensors(join(model, "trace.safetensors"))) {
    const tensor = written.get(name);
    t.same(tensor?.shape, shape, `${name} is written with its shape`);
    const largest = Math.max(...Array.from(data, Math.abs));
    const worst = Math.max(...Array.from(data, (value, i) => Math.abs(value - tensor!.data[i]!)));
    t.ok(worst <= 1e-4 * largest, `${name} agrees with the official implementation`);
  }
});

t.test("tokenize", async (t) => {
  const { stdout } = await honeybee("tokenize", model, "--prompt", golden.prompt, "--raw", "--json");
  const { ids, pieces } = JSON.parse(stdout);
  t.same(ids, golden.prompt_ids);
  t.equal(pieces.length, ids.length);
});

t.test("inspect", async (t) => {
  const { stdout } = await honeybee("inspect", model, "--json");
  const { devices, model: described } = JSON.parse(stdout);
  t.match(devices, [{ name: "cpu", usable: true }]);
  t.same(described.missing, []);
  t.match(described.config.projector, { type: "c-abs", visualTokens: 9 });
  const text = await honeybee("inspect", "random:13B-D-Abs-M256");
  t.match(text.stdout, /d-abs, 256 visual tokens/);
});

t.test("convert, then run what it wrote", async (t) => {
  const out = join(t.testdir(), "converted");
  t.equal((await honeybee("convert", goldenPath("models", "cabs-legacy"), out)).code, 0);
  const expected = JSON.parse(readFileSync(goldenPath("models", "cabs-legacy", "case.json"), "utf8"));
  const { stdout } = await honeybee(
    "run",
    out,
    "--image",
    goldenPath("images", "b.png"),
    "--prompt",
    expected.prompt,
    "--raw",
    "--weights",
    "f32",
    "--max-tokens",
    "32",
    "--ignore-eos",
    "--json",
    "--quiet",
  );
  t.same(JSON.parse(stdout).tokens, expected.generate_ids);
});

t.test("wrong use: exit 2 and one line that helps", async (t) => {
  const cases: [string[], RegExp][] = [
    [["rum"], /unknown command 'rum'; did you mean run\?/],
    [["run", model, "--promt", "x"], /unknown option '--promt'; did you mean --prompt\?/],
    [["run", model], /--prompt is missing/],
    [["run", model, "--prompt", "x", "--weights", "f23"], /f32/],
    [["run", model, "--prompt", "x", "--temperature", "hot"], /number/],
    [["run", model, "--prompt", "x", "--top-p", "2"], /topP must be a number/],
    [["run", "random:7C", "--prompt", "x"], /did you mean/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await honeybee(...args);
    t.equal(code, 2, args.join(" "));
    t.equal(stdout, "", "nothing on stdout");
    t.match(stderr, message);
  }
});

t.test("failure: exit 1 and the thing at fault", async (t) => {
  const missing = await honeybee("run", "no/such/model", "--prompt", "x");
  t.equal(missing.code, 1);
  t.match(missing.stderr, /no\/such\/model.*ERR_CHECKPOINT/);
  const image = await honeybee("run", model, "--prompt", "x", "--image", join(model, "config.json"));
  t.equal(image.code, 1);
  t.match(image.stderr, /config\.json.*text.*ERR_IMAGE/);
});

t.test("help and version", async (t) => {
  const help = await honeybee("--help");
  t.equal(help.code, 0);
  t.match(help.stdout, /run .*one answer/);
  t.match((await honeybee("--version")).stdout, /^\d+\.\d+\.\d+/);
});
