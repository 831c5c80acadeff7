import { columns } from "./columns.js";
import { byOperation, groupGaps, groupOps, type OpGroup, totalMs } from "./groups.js";
import type { Profile } from "./types.js";
import { grouped, percent, rooflineText, roofText } from "./units.js";

/**
 * A profile for a terminal: operations grouped by name and stage, the longest first, then the gaps, and how much of the
 * wall time both explain. On the simulator, which has no times, what it counted.
 */
export function profileTable(profile: Profile): string {
  const head = `${profile.model}, ${profile.device}`;
  return `${[head, "", ...(profile.clock === "none" ? countLines(profile) : timeLines(profile))].join("\n")}\n`;
}

function timeLines(profile: Profile): string[] {
  const { gaps, roofs, wallMs } = profile;
  const wall = (ms: number) => (wallMs > 0 ? percent(ms / wallMs) : "–");
  const rows = groupOps(profile, byOperation).map((group) => [
    ...group.keys,
    `${group.count}`,
    (group.ms ?? 0).toFixed(3),
    wall(group.ms ?? 0),
    ...rates(group),
  ]);
  const lines = [
    columns(
      [["operation", "stage", "count", "ms", "of wall", "GB/s", "GFLOP/s", "of the roofline"], ...rows],
      2,
    ),
    "",
  ];
  if (roofs) lines.push(`Roofs measured here: ${roofText(roofs)}.`, "");
  const gapRows = groupGaps(gaps).map(([name, count, ms]) => [name, `${count}`, ms.toFixed(3), wall(ms)]);
  if (gapRows.length > 0) lines.push(columns([["gap", "count", "ms", "of wall"], ...gapRows], 1), "");
  lines.push(explained(profile));
  return lines;
}

/** How much of the wall time the profile explains: "ops 95.0 % + gaps 4.0 % of 12.0 ms"; and what it lacks. */
export function explained({ ops, gaps, wallMs, isCut, lostOps, droppedRecords }: Profile): string {
  const share = (ms: number) => (wallMs > 0 ? percent(ms / wallMs) : "–");
  const end = isCut
    ? `; it ends after ${grouped(ops.length)} operations, the most that were to be recorded`
    : "";
  const lost = lostOps ? `; operations left out, whose times CUPTI did not tell: ${grouped(lostOps)}` : "";
  const dropped = droppedRecords
    ? `; kernels and copies that CUPTI dropped, so that some times are too short: ${grouped(droppedRecords)}`
    : "";
  return `ops ${share(totalMs(ops))} + gaps ${share(totalMs(gaps))} of ${wallMs.toFixed(1)} ms${end}${lost}${dropped}`;
}

function rates({ gigabytesPerSecond, gigaflopsPerSecond, rooflineShare, roof }: OpGroup): string[] {
  const rate = (value: number | null) => value?.toFixed(1) ?? "–";
  return [rate(gigabytesPerSecond), rate(gigaflopsPerSecond), rooflineText(rooflineShare, roof)];
}

function countLines(profile: Profile): string[] {
  const rows = groupOps(profile, byOperation).map(({ keys, count, counts }) => [
    ...keys,
    `${count}`,
    ...[counts?.instructions, counts?.bytes, counts?.bankConflicts].map((value) =>
      value === undefined ? "–" : grouped(value),
    ),
  ]);
  return [
    columns([["operation", "stage", "count", "instructions", "bytes", "bank conflicts"], ...rows], 2),
    "",
    `${profile.ops.length} operations on the simulator, whose times mean nothing`,
  ];
}
