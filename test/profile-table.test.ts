// Tables of a profile: sums worked out by hand.
import t from "tap";
import { byLayer, byOperation, groupOps } from "../lib/profile/groups.js";
import { profileTable } from "../lib/profile/index.js";
import { leastTime } from "../lib/profile/roofline.js";
import { simulatedProfile, smallProfile } from "./support/profiles.js";

/** The cells of the line that begins with these words. */
function cells(table: string, ...words: string[]): string[] | undefined {
  const rows = table.split("\n").map((line) => line.split(/ {2,}/));
  return rows.find((row) => words.every((word, i) => row[i] === word))?.slice(words.length);
}

t.test("operations by name and stage, the longest first", (t) => {
  const table = profileTable(smallProfile());
  // 7 ms for 40 MB and 400 MFLOP; at least 3 ms below the compute roof and 2 below the memory roof.
  t.same(cells(table, "linear", "prefill"), ["2", "7.000", "35.0 %", "5.7", "57.1", "71 % (compute)"]);
  t.same(cells(table, "linear", "decode"), ["1", "4.000", "20.0 %", "10.0", "2.0", "100 % (memory)"]);
  t.same(cells(table, "attention", "vision"), ["1", "2.000", "10.0 %", "5.0", "75.0", "75 % (compute)"]);
  t.same(cells(table, "rms_norm", "prefill"), ["1", "1.000", "5.0 %", "5.0", "2.0", "50 % (memory)"]);
  t.same(cells(table, "sample", "sample"), ["1", "2.000", "10.0 %", "5.0", "0.0", "50 % (memory)"]);
  const first = table.split("\n").filter((line) => /^(linear|attention|rms_norm|sample) /.test(line));
  t.same(
    first.map((line) => line.split(/ {2,}/).slice(0, 2).join(" ")),
    ["linear prefill", "linear decode", "attention vision", "sample sample", "rms_norm prefill"],
  );
  t.end();
});

t.test("gaps, and what all of it explains", (t) => {
  const table = profileTable(smallProfile());
  t.same(cells(table, "schedule"), ["2", "2.000", "10.0 %"]);
  t.same(cells(table, "host"), ["1", "1.000", "5.0 %"]);
  t.match(table, /\nops 80\.0 % \+ gaps 15\.0 % of 20\.0 ms\n$/);
  t.match(
    profileTable({ ...smallProfile(), isCut: true }),
    /of 20\.0 ms; it ends after 6 operations, the most that were/,
  );
  t.match(
    profileTable({ ...smallProfile(), clock: "cupti", lostOps: 3, droppedRecords: 1234 }),
    /; operations left out, whose times CUPTI did not tell: 3; kernels .* too short: 1,234\n$/,
  );
  t.match(table, "Roofs measured here: memory 10.0 GB/s, products 100.0 GFLOP/s in f32.");
  t.end();
});

t.test("on the simulator counts instead of times", (t) => {
  const table = profileTable(simulatedProfile());
  // The second and the fourth of its operations.
  t.same(cells(table, "linear", "prefill"), ["2", "6,000", "512", "4"]);
  t.same(cells(table, "sample", "sample"), ["1", "6,000", "256", "5"]);
  t.notMatch(table, / ms| %|schedule/);
  t.end();
});

t.test("what was not measured is a dash", (t) => {
  const profile = { ...smallProfile(), roofs: null };
  t.same(cells(profileTable(profile), "linear", "decode"), ["1", "4.000", "20.0 %", "10.0", "2.0", "–"]);
  const other = { ...smallProfile(), roofs: { bytesPerSecond: 10e9, flopsPerSecond: { bf16: 1e12 } } };
  t.equal(cells(profileTable(other), "linear", "decode")!.at(-1), "–", "no rate in f32");
  t.equal(cells(profileTable(other), "rms_norm", "prefill")!.at(-1), "50 % (memory)", "which needs none");
  const empty = { ...smallProfile(), ops: [], gaps: [], phases: [], wallMs: 0 };
  t.match(profileTable(empty), "ops – + gaps – of 0.0 ms");
  t.end();
});

t.test("groups by layer", (t) => {
  const groups = groupOps(smallProfile(), byLayer);
  t.same(
    groups.map(({ keys, count, ms }) => [...keys, count, ms]),
    [
      ["prefill", "0", 2, 5],
      ["decode", "0", 1, 4],
      ["prefill", "1", 1, 3],
      ["vision", "0", 1, 2],
      ["sample", "–", 1, 2],
    ],
  );
  const sum = groupOps(smallProfile(), byOperation).reduce((total, { bytes }) => total + bytes, 0);
  t.equal(sum, 105e6, "every operation is in one group");
  t.end();
});

t.test("the least time of work in two dtypes", (t) => {
  const roofs = { bytesPerSecond: 1e9, flopsPerSecond: { f32: 1e9, bf16: 4e9 } };
  const work = { bytes: 2e6, flops: { f32: 1e6, bf16: 8e6, int8: 0 } };
  t.same(leastTime(work, roofs), { memoryMs: 2, computeMs: 3, leastMs: 3, roof: "compute" });
  t.same(leastTime({ bytes: 1e9, flops: {} }, roofs), {
    ...{ memoryMs: 1000, computeMs: 0, leastMs: 1000, roof: "memory" },
  });
  t.equal(leastTime({ bytes: 1, flops: { int8: 1 } }, roofs), undefined);
  t.end();
});
