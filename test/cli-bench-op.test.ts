// `honeybee bench op`: its operations are those of honeybee/ops, its bytes those of the arguments, its report adds up.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import { benchOp, difference } from "../lib/cli/bench-op.js";
import type { BenchOpFlags } from "../lib/cli/bench-op-options.js";
import { markdown, type OpReport } from "../lib/cli/bench-op-report.js";
import { Maker, OP_CASES, readShape, type Sizes, shapeText } from "../lib/cli/op-cases/index.js";
import { type FloatDtype, type KvCache, type Matrix, type Ops, openOps } from "../lib/ops/index.js";
import { Ops as OpsClass } from "../lib/ops/ops.js";
import { repositoryRoot } from "./support/paths.js";

async function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [main, "bench", "op", ...args])) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** Small sizes, no two of which are alike in one operation but where they must be. */
const SMALL: Record<string, number> = {
  ...{
    rows: 3,
    in: 8,
    out: 5,
    cols: 12,
    vocabulary: 40,
    batch: 2,
    queries: 5,
    keys: 7,
    heads: 4,
    kvHeads: 2,
    dim: 6,
  },
  ...{ sequences: 2, position: 20, topK: 5, top: 2, width: 9, height: 6, size: 28, patch: 14, channels: 10 },
  ...{ toHeight: 3, toWidth: 4, points: 3 },
};
const small = (sizes: Sizes) => Object.fromEntries(Object.keys(sizes).map((name) => [name, SMALL[name]!]));

t.test("every operation of honeybee/ops has a case", (t) => {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const methods = Object.getOwnPropertyNames(OpsClass.prototype).filter((name) => name !== "constructor");
  t.same(Object.keys(OP_CASES).sort(), methods.map(snake).sort());
  t.end();
});

/** Counts the values that calls read and write, in bytes of f32; not those of ids and the like. */
function counting(ops: Ops): { ops: Ops; bytes: () => number; calls: () => string[] } {
  let bytes = 0;
  const calls: string[] = [];
  const count = (value: unknown): void => {
    if (value instanceof Float32Array || value instanceof Uint8Array) bytes += value.byteLength;
    else if (value && typeof value === "object" && "data" in value) count((value as Matrix).data);
    else if (
      value &&
      typeof value === "object" &&
      "dtype" in value &&
      Array.isArray((value as { shape?: unknown }).shape)
    )
      bytes += 4 * (value as unknown as { shape: number[] }).shape.reduce((product, side) => product * side);
  };
  const proxy = new Proxy(ops, {
    get(target, name: Exclude<keyof Ops, symbol>) {
      const method = target[name];
      if (typeof method !== "function" || ["weight", "table", "kvCache"].includes(name)) {
        return typeof method === "function" ? method.bind(target) : method;
      }
      return (...args: unknown[]) => {
        calls.push(name);
        for (const each of args) count(each);
        const result = (method as (...args: unknown[]) => unknown).apply(target, args);
        count(result);
        return result;
      };
    },
  });
  const reset = <T>(value: T) => {
    bytes = 0;
    calls.length = 0;
    return value;
  };
  return { ops: proxy, bytes: () => reset(bytes), calls: () => [...calls] };
}

t.test("bytes are those of the arguments and results", async (t) => {
  const ops = await openOps({ threads: 2 });
  const counted = counting(ops);
  const f32 = { matrix: 4, kept: 4, dtype: "f32", matrixDtype: "f32" } as const;
  for (const [name, { sizes, prepare, work }] of Object.entries(OP_CASES)) {
    const shape = small(sizes);
    const call = prepare(new Maker(counted.ops, "f32", "f32"), shape);
    counted.bytes();
    call();
    t.equal(counted.calls().length, 1, `${name} is one call`);
    // What a call takes that is not a matrix, or is looked into only here and there.
    const { rows, cols, vocabulary, sequences, position, kvHeads, dim, top } = shape as Record<
      string,
      number
    >;
    const others: Record<string, number> = {
      // Norms have weights and biases, a few rows' worth that cases leave out.
      ...{
        layer_norm: -8 * cols!,
        layer_norm_silu: -8 * cols!,
        add_layer_norm: -8 * cols!,
        rms_norm: -4 * cols!,
      },
      embed: 4 * (rows! * cols! - vocabulary! * cols!),
      rope_append: 4 * (2 * sequences! * rows! * kvHeads! * dim! - (position! + rows!) * dim!),
      paged_attention: 4 * 2 * sequences! * (position! + rows!) * kvHeads! * dim!,
      ...{ sample: 4 * rows!, token_logprobs: 4 * rows! * (2 + 2 * top!) },
    };
    t.equal(work(shape, f32).bytes, counted.bytes() + (others[name] ?? 0), name);
  }
  ops.dispose();
});

t.test("operations of products, by hand", (t) => {
  const bytes = { matrix: 4, kept: 2, dtype: "bf16", matrixDtype: "f32" } as const;
  const flops = (name: string) => OP_CASES[name]!.work(small(OP_CASES[name]!.sizes), bytes).flops;
  t.same(flops("linear"), { bf16: 2 * 3 * 8 * 5 });
  t.same(flops("linear_add"), { bf16: 240 });
  // Two products of 5 queries and 7 keys, 4 heads of 6, twice.
  t.same(flops("attention"), { bf16: 2 * (2 * (2 * 5 * 7 * 24)) });
  // Rows see 21, 22 and 23 positions in each of 2 sequences.
  t.same(flops("paged_attention"), { f32: 4 * 2 * (21 + 22 + 23) * 24 });
  t.same(flops("depthwise_conv3x3"), { f32: 2 * 9 * 2 * 54 * 10 });
  t.same(flops("rms_norm"), {});
  t.equal(OP_CASES.linear!.work(small(OP_CASES.linear!.sizes), bytes).bytes, 2 * 40 + 4 * 24 + 4 * 15);
  t.end();
});

t.test("the simulator and the CPU agree on every operation", async (t) => {
  const [cpu, simt] = [await openOps({ threads: 2 }), await openOps({ device: "simt" })];
  for (const [name, { sizes, prepare }] of Object.entries(OP_CASES)) {
    const [a, b] = [cpu, simt].map((ops) => prepare(new Maker(ops, "f32", "f32"), small(sizes))());
    t.ok(a!.length > 1 || name === "sample");
    t.ok(difference(b!, a!) < 1e-5, `${name}: ${difference(b!, a!)}`);
  }
  cpu.dispose();
  simt.dispose();
});

t.test("the cache is full before attention reads it", async (t) => {
  const ops = await openOps({ threads: 2 });
  const { prepare, sizes } = OP_CASES.paged_attention!;
  const shape = { ...small(sizes), rows: 1 };
  let cache: KvCache | undefined;
  const maker = new Maker(ops, "f32", "f32");
  const spy = new Proxy(ops, {
    get: (target, name: keyof Ops) => {
      const method = target[name] as (...args: unknown[]) => unknown;
      return name === "kvCache"
        ? (...args: unknown[]) => (cache = method.apply(target, args) as KvCache)
        : method.bind(target);
    },
  });
  Object.assign(maker, { ops: spy });
  prepare(maker, shape);
  // A query of zeros weighs all keys alike: the mean of all values, which is 0 only where the cache is empty.
  const zeros = { data: new Float32Array(2 * 24), rows: 2, cols: 24 };
  const batch = {
    rowBegin: Int32Array.of(0, 1, 2),
    start: Int32Array.of(0, 20),
    blocks: Int32Array.of(0, 2, 1, 3),
  };
  const { data } = ops.pagedAttention(zeros, cache!, batch);
  t.ok(data.every((value) => value !== 0));
  ops.dispose();
});

t.test("differences", (t) => {
  t.equal(difference(Float32Array.of(1, -4.5, 2), Float32Array.of(1, -4, 2)), 0.125);
  t.equal(difference(Float32Array.of(0, 0), Float32Array.of(0, 0)), 0);
  t.ok(Number.isNaN(difference(Float32Array.of(Number.NaN, 1), Float32Array.of(1, 1))));
  t.equal(difference(Int32Array.of(5, 6, 7, 8), Int32Array.of(5, 9, 7, 8)), 0.25);
  t.end();
});

t.test("shapes read as they are written", (t) => {
  for (const [name, { sizes }] of Object.entries(OP_CASES)) t.same(readShape(name, shapeText(sizes)), sizes);
  t.same(readShape("linear", "out=7, rows=1"), { rows: 1, in: 2048, out: 7 });
  t.equal(readShape("paged_attention", "position=0").position, 0);
  t.end();
});

t.test("--json: shapes, dtypes and devices, and numbers that add up", async (t) => {
  const places = ["cpu", "simt"];
  const { code, stdout, stderr } = await command(
    ...["linear", "--shape", "rows=2,in=64,out=32", "--shape", "rows=1,in=64,out=64", "--dtype", "bf16"],
    ...["--device", places.join(","), "--threads", "2", "--repeat", "5", "--json", "--quiet"],
  );
  t.equal(code, 0, stderr);
  t.equal(stderr, "", "--quiet says nothing");
  const { op, repeat, devices: used, rows } = JSON.parse(stdout) as OpReport;
  t.same([op, repeat, used.map(({ device }) => device)], ["linear", 5, places]);
  const each = ["rows=2,in=64,out=32 bf16", "rows=1,in=64,out=64 bf16"];
  t.same(
    rows.map(({ device, shape, dtype }) => `${device} ${shape} ${dtype}`),
    places.flatMap((device) => each.map((work) => `${device} ${work}`)),
  );
  const { roofs } = used[0]!;
  t.same(Object.keys(roofs!.flopsPerSecond), ["bf16"]);
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.abs(b);
  for (const { device, dtype, bytes, flops, times, difference } of rows) {
    t.equal(flops, 2 * 64 * 64, "both shapes");
    if (device === "simt") {
      t.equal(times, null);
      t.ok(difference! < 1e-2, `${difference}`);
      continue;
    }
    t.equal(difference, null);
    const { ms, samplesMs, gigabytesPerSecond, gigaflopsPerSecond, rooflineShare } = times!;
    t.equal(samplesMs.length, 5);
    t.equal(ms, samplesMs.toSorted((a, b) => a - b)[2], "the median");
    t.ok(near(gigabytesPerSecond, bytes / 1e6 / ms));
    t.ok(near(gigaflopsPerSecond, flops / 1e6 / ms));
    const least = Math.max(bytes / roofs!.bytesPerSecond, flops / roofs!.flopsPerSecond[dtype]!);
    t.ok(near(rooflineShare, (1000 * least) / ms));
  }
});

t.test("a table", (t) => {
  const row = {
    device: "cpu",
    shape: "rows=3",
    dtype: "bf16",
    matrixDtype: "f32",
    bytes: 3e6,
    flops: 0,
    difference: null,
  };
  const reached = {
    gigabytesPerSecond: 6,
    gigaflopsPerSecond: 0,
    memoryMs: 0.4,
    computeMs: 0,
    roof: "memory",
  } as const;
  const report: OpReport = {
    ...{ op: "rms_norm", repeat: 3 },
    devices: [
      {
        device: "cpu",
        description: "a CPU",
        roofs: { bytesPerSecond: 7.5e9, flopsPerSecond: { f32: 2e12 } },
      },
      { device: "simt", description: "a simulator", roofs: null },
    ],
    rows: [
      { ...row, times: { ms: 0.5, samplesMs: [0.5, 0.5, 0.5], rooflineShare: 0.8, ...reached } },
      { ...row, device: "simt", times: null, difference: 0.00012 },
      { ...row, device: "simt", times: null, difference: 0 },
    ],
  };
  t.equal(
    markdown(report),
    [
      "rms_norm, median of 3",
      "",
      "- cpu: a CPU; roofs measured here: memory 7.5 GB/s, products 2.00 TFLOP/s in f32",
      "- simt: a simulator; no times",
      "",
      "| device | shape | dtype | matrices | time | bytes | products | of the roofline | difference from cpu |",
      "|---|---|---|---|---|---|---|---|---|",
      "| cpu | rows=3 | bf16 | f32 | 0.500 ms | 6.0 GB/s | – | 80 % (memory) | – |",
      "| simt | rows=3 | bf16 | f32 | – | – | – | – | 1.2e-4 |",
      "| simt | rows=3 | bf16 | f32 | – | – | – | – | none |",
      "",
    ].join("\n"),
  );
  t.end();
});

t.test("wrong options are named, with what is expected", async (t) => {
  const refused: [string, Partial<BenchOpFlags>, string, RegExp][] = [
    [
      "lineer",
      {},
      "ERR_OPTION",
      /unknown operation "lineer"; did you mean linear\? There are linear, linear_add,/,
    ],
    [
      "linear",
      { shape: ["row=3"] },
      "ERR_OPTION",
      /no size "row"; did you mean "rows"\? It takes rows=144,in=2048,out=5632/,
    ],
    [
      "linear",
      { shape: ["rows=0"] },
      "ERR_OPTION",
      /rows must be an integer from 1 to 16777216, not "rows=0"/,
    ],
    ["linear", { shape: ["rows"] }, "ERR_OPTION", /rows must be an integer from 1 .*"rows"/],
    ["linear", { dtype: ["f64"] }, "ERR_OPTION", /the weights of linear are in f32, .*fp8, not "f64"/],
    [
      "rms_norm",
      { dtype: ["int8"] },
      "ERR_OPTION",
      /the matrices of rms_norm are in f32, bf16, f16, not "int8"/,
    ],
    ["linear", { isa: "avx9" }, "ERR_OPTION", /unknown isa "avx9"/],
    ["linear", { repeat: 0 }, "ERR_OPTION", /repeat must be an integer from 1/],
    ["linear", { device: ["gpu"] }, "ERR_DEVICE", /device "gpu" is not known/],
  ];
  for (const [name, flags, code, message] of refused)
    await t.rejects(benchOp(name, { device: ["cpu"], repeat: 1, quiet: true, ...flags }), { code, message });
  const usage: [string[], RegExp][] = [
    [["lineer", "--quiet"], /^honeybee: unknown operation "lineer"/],
    [["linear", "--devise", "cpu"], /unknown option '--devise'; did you mean --device\?/],
    [["linear", "--dtype", "f32,,bf16"], /--dtype.*names separated by commas/],
  ];
  for (const [args, message] of usage) {
    const { code, stdout, stderr } = await command(...args);
    t.equal(code, 2, args.join(" "));
    t.equal(stdout, "", "nothing on stdout");
    t.match(stderr, message);
  }
});

t.test("arguments are the same on every device, and spread over their range", (t) => {
  const [a, b] = [0, 1].map(() => new Maker({} as Ops, "f32", "f32" as FloatDtype));
  const values = a!.values(2000);
  t.same(values, b!.values(2000));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  t.ok(Math.abs(mean) < 0.05 && Math.abs(square - 1 / 3) < 0.05, `mean ${mean}, mean square ${square}`);
  const integers = a!.integers(2000, 7);
  t.same([...new Set(integers)].sort(), [0, 1, 2, 3, 4, 5, 6]);
  t.throws(() => a!.values(2 ** 31), {
    code: "ERR_OPTION",
    message: /2147483648 values .* at most 1073741824/,
  });
  t.end();
});
