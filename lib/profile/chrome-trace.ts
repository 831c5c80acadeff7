import { enclosing, opTracks, type Slice, type Track, tracks } from "./tracks.js";
import type { Profile, ProfileOp } from "./types.js";

/** An event of the Trace Event Format; `ts` and `dur` are microseconds. */
export interface TraceEvent {
  name: string;
  /** X: a slice; M: the name of a process or thread. */
  ph: "X" | "M";
  pid: number;
  tid: number;
  ts: number;
  dur?: number;
  cat?: string;
  args?: object;
}

export interface ChromeTrace {
  traceEvents: TraceEvent[];
  displayTimeUnit: "ms";
  otherData: object;
}

/**
 * Times are multiples of this: whole nanoseconds and eighths of a microsecond, exact for viewers that add microseconds as floats
 * and for those that cut them to nanoseconds, so that slices meet and nest in both.
 */
const GRID_NS = 125;

const ENGINE = 1;
const REQUESTS = 2;

/**
 * A profile in the Trace Event Format of Chromium, for Perfetto and chrome://tracing: operations inside slices of their
 * layer and their step, the gaps between them, and for each request its phases. On the simulator, which has no times,
 * an instruction takes a nanosecond, and there are operations only.
 */
export function chromeTrace(profile: Profile): ChromeTrace {
  const { model, device, date, honeybee, clock, wallMs } = profile;
  const writer = new Writer();
  writer.process(ENGINE, "engine");
  for (const track of opTracks(profile)) {
    const tid = writer.thread(ENGINE, track.name);
    for (const slice of enclosing(track.slices, ({ stage, step }) => `${stage}, step ${step}`))
      writer.slice(ENGINE, tid, "step", slice, slice.item);
    for (const slice of enclosing(track.slices, layerOf))
      writer.slice(ENGINE, tid, "layer", slice, slice.item.split(",")[0]!);
    for (const slice of track.slices)
      writer.slice(ENGINE, tid, slice.item.stage, slice, slice.item.name, argsOf(slice));
  }
  if (clock !== "none") {
    const itself = <T>(item: T) => item;
    for (const track of tracks("gaps", profile.gaps, itself)) writer.named(ENGINE, track, "gap");
    writer.process(REQUESTS, "requests");
    const requests = [...new Set(profile.phases.map(({ request }) => request))].sort((a, b) => a - b);
    for (const request of requests) {
      const phases = profile.phases.filter((phase) => phase.request === request);
      for (const track of tracks(`request ${request}`, phases, itself))
        writer.named(REQUESTS, track, "phase");
    }
  }
  return {
    traceEvents: writer.sorted(),
    displayTimeUnit: "ms",
    otherData: { model, device, date, honeybee, clock, wallMs },
  };
}

/** Unique for each pass through a layer, since the same layer of another step is another slice. */
function layerOf({ layer, stage, step }: ProfileOp): string | null {
  return layer === null ? null : `layer ${layer},${stage},${step}`;
}

function argsOf({ item, startNs, endNs }: Slice<ProfileOp>): object {
  const { shape, step, layer, dtype, bytes, flops, durationMs, counts } = item;
  const ns = endNs - startNs;
  const rates = durationMs && ns > 0 ? { "GB/s": bytes / ns, "GFLOP/s": flops / ns } : {};
  return { shape, step, layer, dtype, bytes, flops, ...rates, ...(counts && { counts }) };
}

/** In microseconds. */
const onGrid = (ns: number) => (Math.round(ns / GRID_NS) * GRID_NS) / 1000;

class Writer {
  readonly #names: TraceEvent[] = [];
  readonly #slices: TraceEvent[] = [];
  #threads = 0;

  process(pid: number, name: string): void {
    this.#names.push({ name: "process_name", ph: "M", pid, tid: 0, ts: 0, args: { name } });
  }

  /** @returns the number of a new thread, which is drawn below those before it */
  thread(pid: number, name: string): number {
    const tid = ++this.#threads;
    this.#names.push(
      { name: "thread_name", ph: "M", pid, tid, ts: 0, args: { name } },
      { name: "thread_sort_index", ph: "M", pid, tid, ts: 0, args: { sort_index: tid } },
    );
    return tid;
  }

  slice(
    pid: number,
    tid: number,
    cat: string,
    { startNs, endNs }: Slice<unknown>,
    name: string,
    args?: object,
  ): void {
    const ts = onGrid(startNs);
    const times = { ts, dur: onGrid(endNs) - ts };
    this.#slices.push({ name, ph: "X", pid, tid, ...times, cat, ...(args && { args }) });
  }

  /** A thread of slices that have a name; those too short to be seen are left out, as viewers disagree on where they end. */
  named(pid: number, { name, slices }: Track<{ name: string }>, cat: string): void {
    const tid = this.thread(pid, name);
    for (const slice of slices) {
      if (onGrid(slice.startNs) < onGrid(slice.endNs)) this.slice(pid, tid, cat, slice, slice.item.name);
    }
  }

  /** By time; of those that start together the one around the others comes first, as it was added first. */
  sorted(): TraceEvent[] {
    return [...this.#names, ...this.#slices.sort((a, b) => a.ts - b.ts || b.dur! - a.dur!)];
  }
}
