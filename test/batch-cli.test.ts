// `honeybee batch` as a user meets it: files, exit codes, kills.
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import {
  finished,
  killBatch,
  randomNumbers,
  readAnswers,
  startBatch,
  writeRequests,
} from "./support/batch-kills.js";
import { goldenCase } from "./support/golden-model.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const model = goldenPath("models", "cabs-new");
const golden = goldenCase("cabs-new");
const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");

/** Runs under a shell, so that limits and redirections can be set before it. */
async function batch(shell: string, ...args: string[]) {
  const command = ["-c", `${shell} exec "$@"`, "sh", process.execPath, main, "batch", model];
  try {
    return { code: 0, ...(await promisify(execFile)("bash", [...command, ...args, "--weights", "f32"])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const jsonl = (lines: unknown[]) =>
  lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
const answersOf = (path: string): any[] => readAnswers(path).map((line) => JSON.parse(line));

t.test("both forms of lines, and what is wrong with some", async (t) => {
  const folder = t.testdir();
  const [input, output] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")];
  copyFileSync(golden.images![0]!, join(folder, "a.png"));
  const data = `data:image/png;base64,${readFileSync(golden.images![0]!, "base64")}`;
  const content = [
    { type: "text", text: "Hi" },
    { type: "image_url", image_url: { url: data } },
  ];
  const openai = (custom_id: string, url: string, body: object) => ({ custom_id, method: "POST", url, body });
  const completion = { prompt: golden.prompt, max_tokens: golden.max_new_tokens, logprobs: 1 };
  const lines = [
    { id: "path", raw: true, prompt: golden.prompt, images: ["a.png"], maxTokens: golden.max_new_tokens },
    { id: 7, prompt: "Hi", images: [data], n: 2, maxTokens: 3, temperature: 1, seed: 5 },
    openai("chat", "/v1/chat/completions", {
      model: "x",
      messages: [{ role: "user", content }],
      max_tokens: 4,
    }),
    openai("text", "/v1/completions", { ...completion, images: ["a.png"] }),
    "",
    "{ nonsense",
    { id: "far", prompt: "x", images: ["https://example.com/a.png"] },
    { id: "typo", prompt: "x", maxToken: 3 },
    { id: "path", prompt: "x" },
    openai("bad", "/v1/chat/completions", { messages: [{ role: "user", content: "x" }], max_tokens: "4" }),
    openai("where", "/v1/embeddings", {}),
    { prompt: "x" },
    openai("format", "/v1/chat/completions", {
      messages: [{ role: "user", content: "x" }],
      max_tokens: 20,
      response_format: { type: "json_schema", json_schema: { name: "a", schema: { enum: ["yes", "no"] } } },
    }),
  ];
  writeFileSync(input, jsonl(lines));
  const { code, stdout, stderr } = await batch("", input, output, "--json");
  t.equal(code, 0, stderr);
  t.match(JSON.parse(stdout), { answered: 12, failed: 7, images: 4, resumed: 0 });
  const answers = answersOf(output);
  t.equal(answers.length, 12);
  const by = (name: string | number) => answers.filter(({ id, custom_id }) => (custom_id ?? id) === name);
  t.match(by("path")[0].tokens ?? by("path")[1].tokens, golden.generate_ids);
  t.match(
    by("path").find(({ error }) => error).error,
    { code: "ERR_OPTION", message: /line 9 has the id "path" of line 1/ },
    "an id that was there before",
  );
  t.equal(by(7)[0].choices.length, 2);
  t.match(by("chat")[0], {
    error: null,
    response: { status_code: 200, body: { object: "chat.completion", usage: { completion_tokens: 4 } } },
  });
  t.match(by("format")[0].response.body.choices[0], {
    finish_reason: "stop",
    message: { content: /^"(yes|no)"$/ },
  });
  const text = by("text")[0].response.body;
  t.equal(text.choices[0].logprobs.tokens.length, golden.generate_ids.length);
  t.equal(text.choices[0].text, by("path").find(({ error }) => !error).text);
  t.match(by("far")[0].error, { code: "ERR_IMAGE", message: /example\.com.*not fetched/ });
  t.match(by("typo")[0].error, { code: "ERR_OPTION", message: /maxToken.*maxTokens/ });
  t.match(by("bad")[0], {
    error: { code: "ERR_OPTION" },
    response: { status_code: 400, body: { error: {} } },
  });
  t.match(by("where")[0].error.message, /embeddings/);
  t.match(answers.find(({ line }) => line === 6)?.error.message, /not JSON/);
  t.match(answers.find(({ line }) => line === 12)?.error.message, /id is missing/);

  const again = await batch("", input, output);
  t.equal(again.code, 0);
  t.match(again.stderr, /12 lines are answered/);
  t.equal(answersOf(output).length, 12, "nothing is done twice");
  const other = await batch("", input, output, "--max-tokens", "9");
  t.equal(other.code, 2);
  t.match(other.stderr, /begun with maxTokens not given, and now it is 9.*--restart/);
  writeFileSync(input, jsonl(lines).replace("Hi", "Ho"));
  t.match(await batch("", input, output), { code: 2, stderr: /in\.jsonl is not what .* it changed/ });
  writeFileSync(input, `${jsonl(lines)}\n${JSON.stringify({ id: "new", prompt: "x", maxTokens: 1 })}\n`);
  t.match(await batch("", input, output), { code: 0 });
  t.equal(answersOf(output).length, 13, "lines may be added");
  writeFileSync(input, jsonl([{ id: 1, prompt: "x", maxTokens: 1 }]));
  t.match(await batch("", input, output, "--restart", "--quiet"), { code: 0, stderr: "" });
  t.equal(answersOf(output).length, 1);
});

t.test("shards part the lines; standard streams", async (t) => {
  const folder = t.testdir();
  const input = join(folder, "in.jsonl");
  writeFileSync(input, jsonl(Array.from({ length: 7 }, (_, id) => ({ id, prompt: "x", maxTokens: 1 }))));
  const ids: number[] = [];
  for (const shard of ["1/3", "2/3", "3/3"]) {
    const output = join(folder, `${shard[0]}.jsonl`);
    t.equal((await batch("", input, output, "--shard", shard)).code, 0);
    ids.push(...answersOf(output).map(({ id }) => id));
  }
  t.same(ids.toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  const piped = await batch(`< '${input}'`, "-", "-", "--quiet");
  t.equal(piped.stderr, "");
  t.equal(piped.stdout.trim().split("\n").length, 7);
  t.match(await batch("", input, join(folder, "x"), "--shard", "4/3"), { code: 2, stderr: /I\/N/ });
});

t.test("files that cannot be read or written", async (t) => {
  const folder = t.testdir({ "theirs.jsonl": "precious\n" });
  const input = join(folder, "in.jsonl");
  writeFileSync(input, jsonl(Array.from({ length: 40 }, (_, id) => ({ id, prompt: "x", maxTokens: 20 }))));
  const out = join(folder, "out.jsonl");
  t.match(await batch("", join(folder, "no"), out), {
    code: 1,
    stderr: /no cannot be read: there is no such/,
  });
  t.match(await batch("", folder, out), { code: 1, stderr: /it is a folder.*ERR_FILE/ });
  t.match(await batch("", input, join(folder, "no", "out")), {
    code: 1,
    stderr: /cannot be written: there is no/,
  });
  t.match(await batch("", input, input), { code: 2, stderr: /is the input/ });
  t.match(await batch("", input, join(folder, "theirs.jsonl")), { code: 2, stderr: /has no journal/ });
  t.equal(readFileSync(join(folder, "theirs.jsonl"), "utf8"), "precious\n");
  t.notOk(existsSync(out));
  // A limit of 4 KiB on files stands for a full disk: the write fails in the middle.
  const ignoring = join(folder, "ignore.mjs");
  writeFileSync(ignoring, 'process.on("SIGXFSZ", () => {});');
  const full = await batch(`export NODE_OPTIONS=--import=${ignoring}; ulimit -f 4;`, input, out, "--quiet");
  t.match(full, { code: 1, stderr: /out\.jsonl cannot be written: the file would grow/ });
  t.match(await batch("", input, out), { code: 0 }, "with room again it goes on");
  t.same(
    answersOf(out)
      .map(({ id }) => id)
      .toSorted((a, b) => a - b),
    [...Array(40).keys()],
  );
});

t.test("killed five times, it answers every line once", async (t) => {
  const folder = t.testdir();
  const [input, output, expected] = ["in", "out", "expected"].map((name) => join(folder, `${name}.jsonl`));
  writeRequests(input!, 60);
  await finished(startBatch(input!, expected!));
  const random = randomNumbers(1);
  for (let i = 0; i < 5; i++) await killBatch(input!, output!, random, 30);
  await finished(startBatch(input!, output!));
  t.same(readAnswers(output!).toSorted(), readAnswers(expected!).toSorted());
});

t.test("two batches do not write to one output", async (t) => {
  const folder = t.testdir();
  const [input, output] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")];
  writeFileSync(input, jsonl(Array.from({ length: 5000 }, (_, id) => ({ id, prompt: "x", maxTokens: 200 }))));
  const first = startBatch(input, output);
  while (!existsSync(output)) await new Promise((resolve) => setTimeout(resolve, 20));
  t.match(await batch("", input, output), { code: 1, stderr: /being written by another/ });
  const ended = finished(first);
  first.kill("SIGINT");
  await t.rejects(ended, /exit 130/);
});
