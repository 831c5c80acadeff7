/** What a trace needs to be drawn as it is meant, by the Trace Event Format: phases M and X, times in microseconds. */

interface Event {
  [field: string]: unknown;
  ts: number;
  dur: number;
}

const METADATA: Record<string, string> = {
  process_name: "name",
  thread_name: "name",
  process_labels: "labels",
  process_sort_index: "sort_index",
  thread_sort_index: "sort_index",
};

const READERS = {
  microseconds: (time: number) => time,
  nanoseconds: (time: number) => Math.trunc(time * 1000),
};

/** @returns what is wrong, an empty list if nothing is */
export function traceProblems(trace: object): string[] {
  const problems: string[] = [];
  const { traceEvents, displayTimeUnit } = JSON.parse(JSON.stringify(trace)) as {
    traceEvents: Event[];
    displayTimeUnit: unknown;
  };
  if (displayTimeUnit !== "ms" && displayTimeUnit !== "ns") problems.push("displayTimeUnit is ms or ns");
  if (!Array.isArray(traceEvents)) return [...problems, "traceEvents is a list"];
  const open = new Map<string, number[]>();
  const named = new Set<string>();
  let last = Number.NEGATIVE_INFINITY;
  for (const [i, event] of traceEvents.entries()) {
    const bad = (what: string) => problems.push(`event ${i} (${String(event.name)}): ${what}`);
    if (typeof event.name !== "string" || event.name === "") bad("name is a text");
    if (!Number.isInteger(event.pid) || !Number.isInteger(event.tid)) bad("pid and tid are integers");
    if (event.args !== undefined && (typeof event.args !== "object" || event.args === null))
      bad("args is an object");
    const track = `${event.pid} ${event.tid}`;
    if (event.ph === "M") {
      const field = METADATA[event.name as string];
      const value = field && (event.args as Record<string, unknown>)?.[field];
      if (value === undefined) bad("metadata has a known name and its argument");
      named.add(event.name === "process_name" ? `${event.pid}` : track);
      continue;
    }
    if (event.ph !== "X") {
      bad("ph is M or X");
      continue;
    }
    if (!Number.isFinite(event.ts) || !Number.isFinite(event.dur) || event.dur < 0) {
      bad("ts and dur are numbers, dur from 0");
      continue;
    }
    if (event.ts < last) bad("times do not fall");
    last = event.ts;
    if (!named.has(`${event.pid}`) || !named.has(track)) bad("its process and thread have names");
    // A slice lies within the one around it or begins after it, for viewers that add microseconds (speedscope) and for those
    // that cut both to nanoseconds (Perfetto).
    for (const [unit, read] of Object.entries(READERS)) {
      const key = `${track} ${unit}`;
      const [start, end] = [read(event.ts), read(event.ts) + read(event.dur)];
      const ends = open.get(key) ?? [];
      while (ends.length > 0 && ends.at(-1)! <= start) ends.pop();
      if (ends.length > 0 && end > ends.at(-1)!) bad(`slices of a track nest in ${unit}`);
      open.set(key, [...ends, end]);
    }
  }
  return problems;
}
