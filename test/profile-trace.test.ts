// The Chrome trace of a profile: by the format, and what stands where.
import t from "tap";
import { chromeTrace } from "../lib/profile/chrome-trace.js";
import type { Profile } from "../lib/profile/index.js";
import { simulatedProfile, smallProfile } from "./support/profiles.js";
import { traceProblems } from "./support/trace-format.js";

/** The slices of a thread as [name, start, end] in microseconds. */
function slices(profile: Profile, thread: string): unknown[][] {
  const { traceEvents } = chromeTrace(profile);
  const name = traceEvents.find(
    (event) => event.name === "thread_name" && (event.args as { name: string }).name === thread,
  )!;
  return traceEvents
    .filter(({ ph, pid, tid }) => ph === "X" && pid === name.pid && tid === name.tid)
    .map((event) => [event.name, event.ts, event.ts + event.dur!]);
}

t.test("operations within layers within steps, on a track", (t) => {
  const profile = smallProfile();
  t.same(traceProblems(chromeTrace(profile)), []);
  t.same(slices(profile, "language model"), [
    ["prefill, step 0", 0, 8000],
    ["layer 0", 0, 5000],
    ["linear", 0, 4000],
    ["rms_norm", 4000, 5000],
    ["layer 1", 5000, 8000],
    ["linear", 5000, 8000],
    ["decode, step 1", 10000, 14000],
    ["layer 0", 10000, 14000],
    ["linear", 10000, 14000],
    ["sample, step 0", 14000, 16000],
    ["sample", 14000, 16000],
  ]);
  t.same(slices(profile, "images").at(-1), ["attention", 1000, 3000]);
  t.same(slices(profile, "gaps"), [
    ["schedule", 8000, 9500],
    ["host", 16000, 17000],
    ["schedule", 17000, 17500],
  ]);
  t.same(slices(profile, "request 1"), [
    ["queued", 0, 1000],
    ["image", 1000, 3000],
  ]);
  const { args } = chromeTrace(profile).traceEvents.findLast(({ name }) => name === "linear")!;
  t.match(args, { "GB/s": 10, "GFLOP/s": 2, shape: "[2, 4] × [8, 4]", layer: 0, step: 1 });
  t.end();
});

t.test("times that do not meet exactly, and operations that overlap", (t) => {
  const profile = smallProfile();
  const [vision, linear] = [profile.ops[0]!, profile.ops[1]!];
  let startMs = 0.1;
  profile.ops = [];
  for (let i = 0; i < 200; i++) {
    const durationMs = 1 / 3 + i * 1e-7;
    profile.ops.push({ ...linear, layer: i >> 2, startMs, durationMs });
    startMs += durationMs;
  }
  // A second stream, three of whose operations run at once.
  profile.ops.push({ ...vision, startMs: 1, durationMs: 5 });
  profile.ops.push({ ...vision, startMs: 2, durationMs: 5 });
  profile.ops.push({ ...vision, startMs: 3, durationMs: 1 });
  t.same(traceProblems(chromeTrace(profile)), []);
  t.equal(
    slices(profile, "language model").filter(([name]) => name === "linear").length,
    200,
    "one track holds all",
  );
  t.equal(slices(profile, "language model").filter(([name]) => /^layer/.test(name as string)).length, 50);
  for (const track of ["images", "images 2", "images 3"])
    t.equal(slices(profile, track).at(-1)![0], "attention");
  t.end();
});

t.test("on the simulator an instruction is a nanosecond", (t) => {
  const profile = simulatedProfile();
  t.same(traceProblems(chromeTrace(profile)), []);
  const tail = slices(profile, "language model").filter(([name]) => name === "linear");
  t.same(tail, [
    ["linear", 1, 3],
    ["linear", 6, 10],
    ["linear", 10, 15],
  ]);
  t.notOk(
    chromeTrace(profile).traceEvents.some(({ pid }) => pid === 2),
    "no requests",
  );
  t.end();
});

t.test("an empty profile is a trace", (t) => {
  const profile = { ...smallProfile(), ops: [], gaps: [], phases: [] };
  t.same(traceProblems(chromeTrace(profile)), []);
  t.end();
});

t.test("the validator finds what is wrong", (t) => {
  const base = { pid: 1, tid: 1, ts: 0 };
  const names = [
    { ...base, name: "process_name", ph: "M", args: { name: "p" } },
    { ...base, name: "thread_name", ph: "M", args: { name: "t" } },
  ];
  const of = (...events: object[]) =>
    traceProblems({ displayTimeUnit: "ms", traceEvents: [...names, ...events] });
  const slice = (ts: number, dur: number) => ({ ...base, name: "a", ph: "X", ts, dur });
  t.same(of(slice(0, 2), slice(0, 1), slice(1, 1), slice(2, 1)), []);
  t.match(of(slice(0, 2), slice(1, 2))[0], "nest");
  // As written they end together. But 0.1 + 0.2 is more than 0.3, and 1.9 and 2.1 ns are cut to 1 and 2.
  t.match(of(slice(0, 0.3), slice(0.1, 0.2)), [/nest in microseconds/]);
  t.match(of(slice(0.0019, 0.0021), slice(0.002, 0.002)).at(-1), /nest in nanoseconds/);
  t.match(of(slice(2, 1), slice(1, 1))[0], "fall");
  t.match(of({ ...slice(0, 1), tid: 2 })[0], "names");
  t.match(of({ ...slice(0, 1), ph: "Q" })[0], "ph");
  t.match(of({ ...slice(0, 1), dur: -1 })[0], "dur");
  t.end();
});
