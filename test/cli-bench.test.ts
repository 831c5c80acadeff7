// `honeybee bench` as a user meets it: its JSON adds up, its table has the rows, wrong options are named.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t, { type Test } from "tap";
import type { Report, Row } from "../lib/cli/bench-report.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const model = goldenPath("models", "cabs-new");

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [main, "bench", ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** @param rate of the row, in `count` of something a second */
function checkRow(t: Test, what: string, row: Row, count: number, rate: number): void {
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.abs(b);
  const sorted = row.samplesMs.toSorted((a, b) => a - b);
  t.equal(row.ms, sorted[1], `${what}: the median of three`);
  t.ok(sorted[0]! > 0, `${what}: took time`);
  t.ok(near(rate, (count / row.ms) * 1000), `${what}: rate`);
  t.ok(near(row.gigabytesPerSecond, (row.gigabytes / row.ms) * 1000), `${what}: bytes a second`);
  t.ok(near(row.gigaflopsPerSecond, (row.gigaflops / row.ms) * 1000), `${what}: operations a second`);
  t.equal(row.roof, row.memoryMs > row.computeMs ? "memory" : "compute", `${what}: roof`);
  t.ok(near(row.rooflineShare, Math.max(row.memoryMs, row.computeMs) / row.ms), `${what}: share`);
  // A model this small lives in a cache, faster than the memory that the roof is; wrong units would be a thousandfold.
  t.ok(row.rooflineShare > 0 && row.rooflineShare < 100, `${what}: share ${row.rooflineShare}`);
}

t.test("--json: every length, batch and format, and numbers that add up", async (t) => {
  const lists = ["--prefill", "5,9", "--decode", "4", "--batch", "1,3", "--formats", "f32,int4"];
  const { code, stdout, stderr } = await bench(model, ...lists, "--repeat", "3", "--json", "--quiet");
  t.equal(code, 0, stderr);
  t.equal(stderr, "", "--quiet says nothing");
  const report = JSON.parse(stdout) as Report;
  t.match(report, { model, repeat: 3, device: /thread/ });
  t.same(report.rates.map(({ dtype }) => dtype).sort(), ["bf16", "f32", "int4", "int8"]);
  for (const { dtype, ...rates } of report.rates)
    t.ok(
      Object.values(rates).every((rate) => rate > 0 && Number.isFinite(rate)),
      `rates in ${dtype}`,
    );

  const key = ({ format, batch }: Row) => `${format} ${batch}`;
  const plan = ["f32 1", "f32 3", "int4 1", "int4 3"];
  // The vision tower is not quantized: it is measured in its own format.
  t.same(report.encode.map(key), ["f32 1", "f32 3", "bf16 1", "bf16 3"]);
  t.same(
    report.prefill.map((row) => `${key(row)}: ${row.tokens}`),
    plan.flatMap((each) => [`${each}: 5`, `${each}: 9`]),
  );
  t.same(report.decode.map(key), plan);
  for (const row of report.encode) checkRow(t, `encode ${key(row)}`, row, row.batch, row.imagesPerSecond);
  for (const phase of ["prefill", "decode"] as const) {
    for (const row of report[phase])
      checkRow(t, `${phase} ${row.tokens} ${key(row)}`, row, row.batch * row.tokens, row.tokensPerSecond);
  }
});

t.test("a table", async (t) => {
  const { code, stdout, stderr } = await bench(model, "--prefill", "3", "--decode", "2", "--repeat", "1");
  t.equal(code, 0, stderr);
  t.match(stdout, /^\| what \| batch \| format \| time \| rate \| achieved \| of the roofline \|$/m);
  t.match(stdout, /^\| encode \d+ px \| 1 \| \w+ \| [\d.]+ ms \| [\d.]+ images\/s \| .* % \(\w+\) \|$/m);
  t.match(stdout, /^\| prefill 3 \| 1 \| \w+ \| [\d.]+ ms \| [\d.]+ tokens\/s \| .* % \(\w+\) \|$/m);
  t.match(stdout, /^\| decode 2 \| 1 \| \w+ \| [\d.]+ ms a step \| [\d.]+ tokens\/s \| .* % \(\w+\) \|$/m);
  t.match(stderr, /^decode 2, batch 1, \w+: [\d.]+ ms/m, "progress on stderr");
});

t.test("wrong options are named, with what is expected", async (t) => {
  const cases: [string[], RegExp][] = [
    [["--batch", "0"], /--batch.*integers from 1 .*"0"/],
    [["--batch", "1,,2"], /--batch.*integers from 1/],
    [["--batch", "65537"], /--batch.*integers from 1 to 65536/],
    [["--threads", "0"], /threads must be an integer from 1/],
    [["--prefill", "12.5"], /--prefill.*integers from 1/],
    [["--repeat", "0"], /--repeat.*integers from 1/],
    [["--formats", "xyz"], /--formats.*f32, bf16, f16.*"xyz"/],
    [["--formats", "auto"], /--formats.*f32, bf16, f16/],
    [["--bach", "1"], /unknown option '--bach'; did you mean --batch\?/],
    [["--prefill", "100000"], /longest row takes 100001 tokens.*--prefill/],
    [["--decode", "60", "--context", "50"], /longest row.*context has 50/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await bench(model, ...args);
    t.equal(code, 2, args.join(" "));
    t.equal(stdout, "", "nothing on stdout");
    t.match(stderr, message);
  }
});
