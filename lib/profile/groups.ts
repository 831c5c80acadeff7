import { leastTime } from "./roofline.js";
import type { Profile, ProfileGap, ProfileOp, ProfileRoofs } from "./types.js";

/** The operations that have something in common, added up. */
export interface OpGroup {
  /** What they have in common, in words: ["linear", "decode"]. */
  keys: readonly string[];
  count: number;
  /** Null on the simulator, and so are the rates. */
  ms: number | null;
  bytes: number;
  flops: number;
  gigabytesPerSecond: number | null;
  gigaflopsPerSecond: number | null;
  /** The sum of their least times by the sum of their times; null where a roof was not measured. */
  rooflineShare: number | null;
  /** The roof that binds most of that least time. */
  roof: "memory" | "compute" | null;
  /** Counted by the simulator, else null. */
  counts: NonNullable<ProfileOp["counts"]> | null;
}

/** What to group by, for `groupOps`. */
export const byOperation = ({ name, stage }: ProfileOp): string[] => [name, stage];
export const byLayer = ({ stage, layer }: ProfileOp): string[] => [stage, layer === null ? "–" : `${layer}`];
export const byStage = ({ stage }: ProfileOp): string[] => [stage];

/** Groups of the profile's operations with equal keys: the longest first, on the simulator that of most instructions. */
export function groupOps(profile: Profile, keysOf: (op: ProfileOp) => string[]): OpGroup[] {
  const members = new Map<string, ProfileOp[]>();
  for (const op of profile.ops) {
    const key = JSON.stringify(keysOf(op));
    const group = members.get(key);
    if (group) group.push(op);
    else members.set(key, [op]);
  }
  return [...members.values()]
    .map((ops) => addUp(keysOf(ops[0]!), ops, profile.roofs))
    .sort(
      (a, b) => (b.ms ?? 0) - (a.ms ?? 0) || (b.counts?.instructions ?? 0) - (a.counts?.instructions ?? 0),
    );
}

/** What an operation reached. */
export function reached(op: ProfileOp, roofs: ProfileRoofs | null) {
  const { gigabytesPerSecond, gigaflopsPerSecond, rooflineShare, roof } = addUp([], [op], roofs);
  return { gigabytesPerSecond, gigaflopsPerSecond, rooflineShare, roof };
}

/** Milliseconds of all of these; operations of the simulator take none. */
export function totalMs(items: readonly { durationMs: number | null }[]): number {
  return items.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0);
}

/** Name, count and milliseconds of each kind of gap, the longest first. */
export function groupGaps(gaps: readonly ProfileGap[]): [name: string, count: number, ms: number][] {
  return [...new Set(gaps.map(({ name }) => name))]
    .map((name): [string, number, number] => {
      const alike = gaps.filter((gap) => gap.name === name);
      return [name, alike.length, totalMs(alike)];
    })
    .sort((a, b) => b[2] - a[2]);
}

function addUp(keys: readonly string[], ops: readonly ProfileOp[], roofs: ProfileRoofs | null): OpGroup {
  const sum = (amountOf: (op: ProfileOp) => number) => ops.reduce((total, op) => total + amountOf(op), 0);
  const ms = ops.some(({ durationMs }) => durationMs === null) ? null : totalMs(ops);
  const bytes = sum((op) => op.bytes);
  const flops = sum((op) => op.flops);
  const rate = (amount: number) => (ms ? amount / 1e6 / ms : null);
  const isCounted = ops.some(({ counts }) => counts !== undefined);
  return {
    ...{ keys, count: ops.length, ms, bytes, flops },
    gigabytesPerSecond: rate(bytes),
    gigaflopsPerSecond: rate(flops),
    ...shareOfRoofline(ops, ms, roofs),
    counts: isCounted
      ? {
          instructions: sum(({ counts }) => counts?.instructions ?? 0),
          bytes: sum(({ counts }) => counts?.bytes ?? 0),
          bankConflicts: sum(({ counts }) => counts?.bankConflicts ?? 0),
        }
      : null,
  };
}

function shareOfRoofline(
  ops: readonly ProfileOp[],
  ms: number | null,
  roofs: ProfileRoofs | null,
): Pick<OpGroup, "rooflineShare" | "roof"> {
  const unknown = { rooflineShare: null, roof: null };
  if (!roofs || !ms) return unknown;
  const least = { memory: 0, compute: 0 };
  for (const op of ops) {
    const time = leastTime(workOf(op), roofs);
    if (!time) return unknown;
    least[time.roof] += time.leastMs;
  }
  return {
    rooflineShare: (least.memory + least.compute) / ms,
    roof: least.memory > least.compute ? "memory" : "compute",
  };
}

/** Operations that multiply nothing are bounded by memory alone. */
function workOf({ bytes, flops, dtype }: ProfileOp) {
  return { bytes, flops: dtype === null ? {} : { [dtype]: flops } };
}
