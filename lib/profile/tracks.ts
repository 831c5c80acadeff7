import type { Profile, ProfileOp, Stage } from "./types.js";

/** Where something is drawn on a line of time, in whole nanoseconds, so that ends and starts meet exactly. */
export interface Slice<T> {
  item: T;
  startNs: number;
  endNs: number;
}

/** A line of time on which no two slices overlap. */
export interface Track<T> {
  name: string;
  slices: Slice<T>[];
}

interface Timed {
  startMs: number;
  durationMs: number | null;
}

/** A GPU encodes images beside decoding; each side has tracks of its own. */
const SIDES: Record<string, readonly Stage[]> = {
  "language model": ["prefill", "decode", "sample"],
  images: ["vision", "projector"],
};

/** The operations on as few tracks as they need. On the simulator they follow each other, a nanosecond an instruction. */
export function opTracks(profile: Profile): Track<ProfileOp>[] {
  const timeOf = profile.clock === "none" ? simulatedTimes(profile.ops) : (op: ProfileOp) => op;
  return Object.entries(SIDES).flatMap(([name, stages]) =>
    tracks(
      name,
      profile.ops.filter(({ stage }) => stages.includes(stage)),
      timeOf,
    ),
  );
}

/** Each item on the first track that is free when it starts; by its time, and all called `name`. */
export function tracks<T>(name: string, items: readonly T[], timeOf: (item: T) => Timed): Track<T>[] {
  const made: Track<T>[] = [];
  for (const slice of items.map((item) => sliceOf(item, timeOf(item))).sort(inOrder)) {
    // Rounding may make neighbours overlap by a nanosecond.
    const free = made.find(({ slices }) => slices.at(-1)!.endNs <= slice.startNs + 1);
    if (!free) {
      made.push({ name: made.length === 0 ? name : `${name} ${made.length + 1}`, slices: [slice] });
      continue;
    }
    slice.startNs = Math.max(slice.startNs, free.slices.at(-1)!.endNs);
    slice.endNs = Math.max(slice.startNs, slice.endNs);
    free.slices.push(slice);
  }
  return made;
}

/** Neighbours on a track that have the same key, as one slice around them; a null key has none. */
export function enclosing<T>(
  slices: readonly Slice<T>[],
  keyOf: (item: T) => string | null,
): Slice<string>[] {
  const runs: Slice<string>[] = [];
  let last: string | null = null;
  for (const { item, startNs, endNs } of slices) {
    const key = keyOf(item);
    if (key !== null && key === last) runs.at(-1)!.endNs = endNs;
    else if (key !== null) runs.push({ item: key, startNs, endNs });
    last = key;
  }
  return runs;
}

const inOrder = (a: Slice<unknown>, b: Slice<unknown>) => a.startNs - b.startNs || b.endNs - a.endNs;

function sliceOf<T>(item: T, { startMs, durationMs }: Timed): Slice<T> {
  const startNs = Math.round(startMs * 1e6);
  return { item, startNs, endNs: Math.max(startNs, Math.round((startMs + (durationMs ?? 0)) * 1e6)) };
}

function simulatedTimes(ops: readonly ProfileOp[]): (op: ProfileOp) => Timed {
  const times = new Map<ProfileOp, Timed>();
  let startMs = 0;
  for (const op of ops) {
    const durationMs = (op.counts?.instructions ?? 0) / 1e6;
    times.set(op, { startMs, durationMs });
    startMs += durationMs;
  }
  return (op) => times.get(op)!;
}
