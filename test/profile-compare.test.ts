// Comparing profiles: Student's t against closed forms and quadrature, verdicts on times made by hand.
import t from "tap";
import { compareProfiles, comparisonTable } from "../lib/profile/index.js";
import { studentP } from "../lib/profile/student.js";
import { simulatedProfile, smallProfile } from "./support/profiles.js";

/** Both tails of the density (1 + x²/df)^(-(df + 1)/2), by the midpoint rule over x = √df tan θ. */
function tails(t: number, df: number): number {
  const slices = 20_000;
  const area = (from: number, to: number) => {
    const width = (to - from) / slices;
    let sum = 0;
    for (let i = 0; i < slices; i++) sum += Math.cos(from + (i + 0.5) * width) ** (df - 1);
    return sum * width;
  };
  return area(Math.atan(t / Math.sqrt(df)), Math.PI / 2) / area(0, Math.PI / 2);
}

t.test("Student's t", (t) => {
  for (const x of [0, 0.01, 0.5, 1, 2.5, 10, 1000]) {
    t.ok(
      Math.abs(studentP(x, 1) - (1 - (2 / Math.PI) * Math.atan(x))) < 1e-12,
      `1 degree of freedom at ${x}`,
    );
    t.ok(Math.abs(studentP(x, 2) - (1 - x / Math.sqrt(2 + x * x))) < 1e-12, `2 degrees at ${x}`);
    for (const df of [2.941, 5.5, 8, 40, 198.3])
      t.ok(Math.abs(studentP(x, df) - tails(x, df)) < 1e-7, `${df} degrees at ${x}`);
  }
  // Tables of the 97.5 % point.
  for (const [df, x] of [
    [4, 2.776],
    [10, 2.228],
    [30, 2.042],
  ] as const)
    t.ok(Math.abs(studentP(x, df) - 0.05) < 5e-5, `table of ${df}`);
  t.equal(studentP(-2.5, 7), studentP(2.5, 7));
  t.equal(studentP(Number.POSITIVE_INFINITY, 3), 0);
  t.end();
});

/** A profile whose repeats took these times, by operation. */
function repeated(ops: Record<string, number[]>) {
  const [first] = Object.values(ops);
  const repeats = first!.map((_, i) => {
    const each = Object.entries(ops).map(([name, times]): [string, number] => [name, times[i]!]);
    return { wallMs: each.reduce((sum, [, ms]) => sum + ms, 0), ops: Object.fromEntries(each) };
  });
  return { ...smallProfile(), repeats };
}

t.test("Welch's test of one operation", (t) => {
  const { ops, wall } = compareProfiles(repeated({ linear: [1, 2, 3] }), repeated({ linear: [2, 4, 6] }));
  // Variances of the means 1/3 and 4/3: t = 2 / √(5/3), df = (5/3)² / ((1/9 + 16/9) / 2) = 50/17.
  const p = tails(2 / Math.sqrt(5 / 3), 50 / 17);
  t.equal(ops.length, 1);
  t.match(ops[0], { name: "linear", beforeMs: 2, afterMs: 4, changeMs: 2, verdict: "no difference shown" });
  t.ok(Math.abs(ops[0]!.p! - p) < 1e-7);
  t.equal(wall.p, ops[0]!.p, "the run is this operation");
  t.end();
});

t.test("slower, faster, new and gone, the largest change first", (t) => {
  const before = repeated({
    linear: [10, 10.1, 9.9, 10],
    attention: [5, 5.1, 4.9, 5],
    rope: [1, 1.4, 0.6, 1],
    old: [3, 3, 3, 3],
    constructor: [2, 2, 2, 2],
  });
  const after = repeated({
    linear: [12, 12.1, 11.9, 12],
    attention: [4.5, 4.6, 4.4, 4.5],
    rope: [1.1, 1.5, 0.7, 1.1],
    toString: [0.2, 0.2, 0.2, 0.2],
    constructor: [2, 2, 2, 2],
  });
  const { ops } = compareProfiles(before, after);
  t.same(
    ops.map(({ name, verdict }) => `${name}: ${verdict}`),
    [
      "old: gone",
      "linear: slower",
      "attention: faster",
      "toString: new",
      "rope: no difference shown",
      "constructor: no difference shown",
    ],
  );
  // Holm: the least of four p-values counts four times, the next three times.
  const deviation = Math.sqrt((2 * (0.02 / 3)) / 4);
  t.ok(Math.abs(ops[1]!.p! / (4 * tails(2 / deviation, 6)) - 1) < 1e-3, "linear");
  t.ok(Math.abs(ops[2]!.p! / (3 * tails(0.5 / deviation, 6)) - 1) < 1e-3, "attention");
  t.equal(ops[5]!.p, 1, "not a difference at all");

  const table = comparisonTable(compareProfiles(before, after));
  t.match(table, /^linear +10\.000 +12\.000 +\+2\.000 +\+20\.0 % +< 0\.001 +slower$/m);
  t.match(table, /^attention +5\.000 +4\.500 +-0\.500 +-10\.0 % +[\d.<]+( [\d.]+)? +faster$/m);
  t.match(table, /^old +3\.000 +0\.000 +-3\.000 +– +– +gone$/m);
  t.match(table, /^Means of 4 and 4 repeats\. p: Welch's t-test/m);
  t.notMatch(table, "different devices");
  t.end();
});

t.test("too few repeats say so", (t) => {
  const two = repeated({ linear: [1, 1] });
  const three = repeated({ linear: [2, 2, 2] });
  for (const [before, after] of [
    [two, three],
    [three, two],
    [smallProfile(), smallProfile()],
  ] as const) {
    const comparison = compareProfiles(before, after);
    for (const { p, verdict } of [comparison.wall, ...comparison.ops])
      t.same([p, verdict], [null, "too few repeats"]);
    t.match(comparisonTable(comparison), /too few repeats$[\s\S]*Too few repeats.*needs 3 or more/m);
  }
  // Without repeats the profile itself is one: 4 + 3 + 4 ms of linear.
  const { ops, before } = compareProfiles(smallProfile(), smallProfile());
  t.equal(before.repeats, 1);
  t.equal(ops.find(({ name }) => name === "linear")!.beforeMs, 11);
  t.end();
});

t.test("other devices are named, the simulator is refused", (t) => {
  const other = { ...smallProfile(), device: "another device", model: "another" };
  const table = comparisonTable(compareProfiles(smallProfile(), other));
  t.match(table, "different devices");
  t.match(table, "different models");
  t.throws(() => compareProfiles(smallProfile(), simulatedProfile()), {
    code: "ERR_OPTION",
    message: /profile after is of the simulator.*no times/,
  });
  t.end();
});
