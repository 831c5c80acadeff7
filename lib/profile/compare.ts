import { HoneybeeError } from "../errors.js";
import { studentP } from "./student.js";
import type { Profile } from "./types.js";

/** Below this many repeats of a run nothing is known of how much its times vary. */
export const LEAST_REPEATS = 3;

/** A difference counts when chance alone would produce one in a comparison less often than this. */
export const SIGNIFICANCE = 0.05;

export type Verdict = "slower" | "faster" | "no difference shown" | "too few repeats" | "new" | "gone";

/** One operation, or the whole run, in two profiles. */
export interface Change {
  name: string;
  /** Mean over the repeats; 0 where the profile does not have it. */
  beforeMs: number;
  afterMs: number;
  changeMs: number;
  /** Adjusted for the number of operations compared; null with too few repeats, or where only one profile has it. */
  p: number | null;
  verdict: Verdict;
}

export interface Comparison {
  before: ComparedProfile;
  after: ComparedProfile;
  wall: Change;
  /** The largest change of time first, in either direction. */
  ops: Change[];
}

type Repeats = Profile["repeats"];

export interface ComparedProfile {
  model: string;
  device: string;
  date: string;
  honeybee: string;
  repeats: number;
}

/**
 * What became slower or faster: for each operation Welch's t-test of the times in the repeats of both runs, which allows
 * them to vary differently, and Holm's correction, so that among all operations a difference is claimed by chance in 1
 * comparison of 20. The wall time is one test of its own. What drifted between two runs (clock rates, other
 * processes) is a difference too: no test can tell it from a change of the code.
 *
 * @throws HoneybeeError ERR_OPTION for a profile of the simulator, which has no times
 */
export function compareProfiles(before: Profile, after: Profile): Comparison {
  const [a, b] = [repeatsOf(before, "before"), repeatsOf(after, "after")];
  const names = [...new Set([...a, ...b].flatMap(({ ops }) => Object.keys(ops)))];
  const timesOf = (repeats: Repeats, name: string) =>
    repeats.map(({ ops }) => (Object.hasOwn(ops, name) ? ops[name]! : 0));
  const has = (repeats: Repeats, name: string) => repeats.some(({ ops }) => Object.hasOwn(ops, name));
  const changes = names.map((name) => {
    const tested = change(name, timesOf(a, name), timesOf(b, name));
    if (has(a, name) && has(b, name)) return tested;
    return { ...tested, p: null, verdict: has(a, name) ? ("gone" as const) : ("new" as const) };
  });
  const wallTimes = (repeats: Repeats) => repeats.map(({ wallMs }) => wallMs);
  return {
    before: describe(before, a.length),
    after: describe(after, b.length),
    wall: judged(change("wall", wallTimes(a), wallTimes(b))),
    ops: holm(changes)
      .map(judged)
      .sort((x, y) => Math.abs(y.changeMs) - Math.abs(x.changeMs) || y.beforeMs - x.beforeMs),
  };
}

/** A profile without repeats is one. */
function repeatsOf({ clock, wallMs, ops, repeats }: Profile, which: string): Repeats {
  if (clock === "none") {
    throw new HoneybeeError(
      "ERR_OPTION",
      `the profile ${which} is of the simulator, which has no times to compare; profile on a CPU or a GPU`,
    );
  }
  if (repeats.length > 0) return repeats;
  const sums = new Map<string, number>();
  for (const { name, durationMs } of ops) sums.set(name, (sums.get(name) ?? 0) + (durationMs ?? 0));
  return [{ wallMs, ops: Object.fromEntries(sums) }];
}

const describe = ({ model, device, date, honeybee }: Profile, repeats: number): ComparedProfile => ({
  ...{ model, device, date, honeybee, repeats },
});

function change(name: string, before: readonly number[], after: readonly number[]): Change {
  const [beforeMs, afterMs] = [mean(before), mean(after)];
  const few = Math.min(before.length, after.length) < LEAST_REPEATS;
  const p = few ? null : welch(before, after);
  return {
    ...{ name, beforeMs, afterMs, changeMs: afterMs - beforeMs, p },
    verdict: few ? "too few repeats" : "no difference shown",
  };
}

/** Two-sided p-value that both have one mean (Welch 1947), with Welch and Satterthwaite's degrees of freedom. */
function welch(a: readonly number[], b: readonly number[]): number {
  const [va, vb] = [variance(a) / a.length, variance(b) / b.length];
  const difference = mean(b) - mean(a);
  if (va + vb === 0) return difference === 0 ? 1 : 0;
  const df = (va + vb) ** 2 / (va ** 2 / (a.length - 1) + vb ** 2 / (b.length - 1));
  return studentP(difference / Math.sqrt(va + vb), df);
}

/** p-values adjusted for there being several (Holm 1979): the i-th smallest of n times n - i, and never falling. */
function holm(changes: readonly Change[]): Change[] {
  const tested = changes.filter(({ p }) => p !== null).sort((a, b) => a.p! - b.p!);
  let least = 0;
  const adjusted = new Map(
    tested.map((each, i) => {
      least = Math.max(least, Math.min(1, each.p! * (tested.length - i)));
      return [each, least];
    }),
  );
  return changes.map((each) => ({ ...each, p: adjusted.get(each) ?? null }));
}

function judged(change: Change): Change {
  if (change.p === null || change.p >= SIGNIFICANCE) return change;
  return { ...change, verdict: change.changeMs > 0 ? "slower" : "faster" };
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Unbiased. */
function variance(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}
