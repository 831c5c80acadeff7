// `honeybee profile`: its forms, files and refusals.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { type Comparison, readProfile } from "../lib/profile/index.js";
import { goldenPath } from "./support/paths.js";
import { traceProblems } from "./support/trace-format.js";

const cli = new URL("../lib/cli/main.js", import.meta.url).pathname;
const folder = t.testdir();
const file = (name: string) => join(folder, name);

async function honeybee(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cli, ...args])) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

t.test("one run gives JSON, trace and report; two can be compared", async (t) => {
  const run = [goldenPath("models", "linear"), "--weights", "f32", "--prompt", "Hi", "--max-tokens", "3"];
  const outputs = ["--no-roofs", "--json", "--trace-out", file("trace.json"), "--html", file("report.html")];
  const { code, stdout, stderr } = await honeybee("profile", ...run, "--repeat", "3", ...outputs);
  t.equal(code, 0, stderr);
  t.match(stderr, /wrote .*trace\.json/);
  writeFileSync(file("a.json"), stdout);
  const profile = await readProfile(file("a.json"));
  t.equal(profile.repeats.length, 3);
  t.ok(profile.ops.length > 0 && profile.ops.some(({ stage }) => stage === "decode"));
  t.same(traceProblems(JSON.parse(readFileSync(file("trace.json"), "utf8"))), []);
  t.match(readFileSync(file("report.html"), "utf8"), /paged_attention/);
  const compared = await honeybee("profile", "--compare", file("a.json"), file("a.json"));
  t.equal(compared.code, 0, compared.stderr);
  t.match(compared.stdout, /paged_attention/);
  const { stdout: json } = await honeybee("profile", "--json", "--compare", file("a.json"), file("a.json"));
  const { ops } = JSON.parse(json) as Comparison;
  t.same([...new Set(ops.map(({ verdict }) => verdict))], ["no difference shown"]);
});

t.test("refusals", async (t) => {
  const rows: [string[], number, RegExp][] = [
    [["profile"], 2, /MODEL is missing/],
    [["profile", goldenPath("models", "linear")], 2, /--prompt is missing/],
    [["profile", "--compare", file("a.json")], 2, /two files/],
    [["profile", "--compare", file("a.json"), file("no.json")], 1, /no\.json/],
    [["profile", goldenPath("models", "linear"), "--prompt", "a", "--repeat", "0"], 2, /repeats/],
    [["profile", goldenPath("models", "linear"), "--prompt", "a", "--htlm", "x"], 2, /did you mean --html/],
  ];
  await Promise.all(
    rows.map(async ([args, expected, words]) => {
      const { code, stdout, stderr } = await honeybee(...args);
      t.equal(code, expected, args.join(" "));
      t.match(stderr, words);
      t.equal(stdout, "");
    }),
  );
});
