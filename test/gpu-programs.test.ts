// The programs for machines with a GPU, on the simulator and with stand-ins for what only such machines have.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import t from "tap";
import { repositoryRoot } from "./support/paths.js";

const programs = process.env.HONEYBEE_PROGRAMS ?? join(repositoryRoot, "build-cmake/Release");
const simulator = process.env.HONEYBEE_SIMT_LIBRARY ?? join(repositoryRoot, "build/Release/honeybee-simt.so");
const results = mkdtempSync(join(tmpdir(), "honeybee-gpu-"));
t.teardown(() => rmSync(results, { recursive: true }));

function start(program: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(program, [...args, "--results", results, "--commit", "abc"], {
    encoding: "utf8",
    cwd: results,
    env: { ...process.env, HONEYBEE_SIMT_LIBRARY: simulator, ...env },
  });
  return { status, stdout, stderr, lastLine: stdout.trimEnd().split("\n").at(-1) };
}

const written = (pattern: RegExp) => {
  const name = readdirSync(results).find((file) => pattern.test(file));
  return name === undefined ? "" : readFileSync(join(results, name), "utf8");
};

interface BenchRow {
  key?: string;
  count?: number;
  ms?: number;
  share?: number;
  flops?: number;
  rates?: Record<string, number>;
  memory?: Record<string, number>;
}

const benchRows = (): BenchRow[] =>
  written(/^gpu-bench-7b-.*\.jsonl$/)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

t.test("gpu-bench measures every row", (t) => {
  const { status, stdout, stderr } = start(join(programs, "honeybee-gpu-bench"), [
    "7b",
    "--tiny",
    "--device",
    "simt",
  ]);
  t.equal(status, 0, stderr);
  t.equal(written(/^gpu-bench-7b-.*\.md$/), stdout, "what it prints is what it writes");
  const rows = benchRows();
  const images = [1, 4, 16].flatMap((count) => ["vit", "c-abs", "d-abs"].map((key) => `${key} ${count}`));
  t.same(
    rows.filter(({ key }) => key).map(({ key, count }) => `${key} ${count}`),
    [...images, "prefill 5", "prefill 17", ...[1, 8, 32, 64].map((count) => `decode ${count}`)],
  );
  for (const { key, count, ms = 0, share = 0 } of rows.filter((row) => row.key))
    t.ok(ms > 0 && share > 0, `${key} ${count}: ${ms} ms, share ${share}`);
  t.ok(
    Object.values(rows.find((row) => row.rates)!.rates!).every((rate) => rate > 0),
    "rates",
  );
  const { used, weights, kv } = rows.find((row) => row.memory)!.memory as Record<string, number>;
  t.ok(weights! > 0 && kv! > 0 && used! >= weights! + kv!, `memory: ${used} = ${weights} + ${kv} + rest`);
  t.end();
});

t.test("gpu-bench counts what the network needs", (t) => {
  const rows = benchRows();
  // Sizes of bench/gpu/workload.cpp with --tiny.
  const [width, inner, vocabulary] = [48, 64, 96];
  const matrices = 4 * width * width + 3 * width * inner + width * vocabulary;
  const flops = (batch: number) => 2 * batch * matrices + 4 * batch * 20 * width;
  for (const batch of [1, 8]) {
    const row = rows.find(({ key, count }) => key === "decode" && count === batch)!;
    t.equal(row.flops, Number(flops(batch).toPrecision(6)), `decode ${batch}`);
  }
  t.end();
});

t.test("programs refuse what they do not know", (t) => {
  const bench = start(join(programs, "honeybee-gpu-bench"), ["70b"]);
  t.equal(bench.status, 1);
  t.match(bench.stderr, /ERR_OPTION: unknown argument 70b[\s\S]*usage:/);
  const device = start(join(programs, "honeybee-gpu-bench"), ["--tiny", "--device", "tpu"]);
  t.match(device.stderr, /there is no device "tpu"; known are cuda, cuda:N, simt and cpu/);
  const check = start(join(programs, "honeybee-gpu-check"), ["--device", "cuda"], {
    HONEYBEE_CUDA_LIBRARY: join(results, "missing.so"),
  });
  t.equal(check.status, 1);
  t.match(check.stderr, /ERR_DEVICE: cannot load .*missing\.so/);
  t.equal(check.lastLine, "0 passed, 1 failed");
  t.end();
});

t.test("gpu-check runs tests of operations and models", (t) => {
  const args = ["--device", "simt", "gather_rows", "model_points_linear"];
  const { status, stdout, lastLine } = start(join(programs, "honeybee-gpu-check"), args);
  t.equal(status, 0, stdout);
  t.match(stdout, /\| operations \| 1 \| 0 \|/);
  t.match(stdout, /\| whole models \| 1 \| 0 \|/);
  t.match(stdout, /\| racecheck \| 0 \| 0 \|.*not run: there is no GPU/);
  t.equal(lastLine, "2 passed, 0 failed");
  t.equal(written(/^gpu-check-.*\.md$/), stdout);
  t.end();
});

/** A folder with the check and stand-ins for programs, given as bodies of Node scripts that know their `args`. */
function withStandIns(bodies: Record<string, string>) {
  const folder = mkdtempSync(join(results, "stand-ins-"));
  copyFileSync(join(programs, "honeybee-gpu-check"), join(folder, "honeybee-gpu-check"));
  for (const [name, body] of Object.entries(bodies)) {
    writeFileSync(
      join(folder, name),
      `#!${process.execPath}\nconst args = process.argv.slice(2);\n${body}\n`,
    );
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

// Lists four tests; "breaks" fails, and until the process ends everything behind it; "crashes" kills the process.
const NATIVE_TEST = `
const names = ["fine", "breaks", "crashes", "model_last"];
if (args[0] === "--list") for (const name of names) console.log(name + " (each device)");
let broken = false;
for (const name of names.filter((name) => args.slice(2).includes(name))) {
  if (name === "crashes" && !broken) process.kill(process.pid, "SIGSEGV");
  broken ||= name === "breaks";
  if (broken) console.log("  there.cpp:7: off by one");
  console.log((broken ? "FAILED " : "ok     ") + name + " on cpu");
}`;

t.test("a test that breaks the process counts once, those behind it run in another", (t) => {
  const folder = withStandIns({ "honeybee-native-test": NATIVE_TEST });
  const { status, stdout, lastLine } = start(join(folder, "honeybee-gpu-check"), ["--device", "cpu"]);
  t.equal(status, 1);
  t.match(stdout, /\| operations \| 1 \| 2 \|/);
  t.match(stdout, /FAILED breaks on cpu\n {2}there\.cpp:7: off by one/);
  t.match(stdout, /crashes was not finished: the program was ended by signal 11/);
  t.match(stdout, /\| whole models \| 1 \| 0 \|/);
  t.equal(lastLine, "2 passed, 2 failed");
  t.end();
});

// Runs what it is given; as racecheck it finds something.
const SANITIZER = `
const { spawnSync } = require("node:child_process");
if (args[0] === "--version") { console.log("stand-in"); process.exit(0); }
const program = args.findIndex((arg) => arg.startsWith("/"));
console.log(spawnSync(args[program], args.slice(program + 1), { encoding: "utf8" }).stdout);
if (args[1] === "racecheck") {
  console.log("========= Error: Race reported between Write access at rms_norm_kernel");
  process.exit(Number(args[args.indexOf("--error-exitcode") + 1]));
}`;

t.test("what compute-sanitizer finds is a failure", (t) => {
  const folder = withStandIns({
    "compute-sanitizer": SANITIZER,
    "honeybee-native-test": `if (args[0] === "--list") console.log("fine (each device)"); else console.log("ok     fine on cuda:0");`,
  });
  const env = { HONEYBEE_CUDA_LIBRARY: simulator, PATH: `${folder}${delimiter}${process.env.PATH}` };
  const { status, stdout, lastLine } = start(
    join(folder, "honeybee-gpu-check"),
    ["--device", "cuda", "fine"],
    env,
  );
  t.equal(status, 1);
  t.match(stdout, /\| memcheck \| 1 \| 0 \|/);
  t.match(stdout, /\| racecheck \| 1 \| 1 \|/);
  t.match(stdout, /\| synccheck \| 1 \| 0 \|/);
  t.match(stdout, /Race reported between Write access at rms_norm_kernel/);
  t.equal(lastLine, "4 passed, 1 failed");
  t.end();
});
