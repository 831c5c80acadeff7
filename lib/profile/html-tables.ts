import { byLayer, byOperation, byStage, groupGaps, groupOps, type OpGroup } from "./groups.js";
import { bar, escaped, type HtmlColumn, htmlTable } from "./html.js";
import type { Profile, ProfilePhase } from "./types.js";
import { grouped, percent, rooflineText } from "./units.js";

/** Numbered from the one that took longest, as the roofline plot numbers its dots. */
export function operationsTable(profile: Profile): string {
  const groups = groupOps(profile, byOperation);
  const rows = groups.map((group, i) => [`${i + 1}`, ...group.keys.map(escaped), ...figures(group, profile)]);
  const heads = [{ head: "#" }, ...words("operation", "stage"), ...figureHeads(profile)];
  return htmlTable("By operation", heads, rows);
}

/** In the order of the network. */
export function layersTable(profile: Profile): string {
  const stages = [...new Set(profile.ops.map(({ stage }) => stage as string))];
  const place = ({ keys: [stage, layer] }: OpGroup) => [
    stages.indexOf(stage!),
    layer === "–" ? Infinity : Number(layer),
  ];
  const groups = groupOps(profile, byLayer).sort((a, b) => {
    const [[stageA, layerA], [stageB, layerB]] = [place(a), place(b)];
    return stageA! - stageB! || layerA! - layerB!;
  });
  const rows = groups.map((group) => [...group.keys.map(escaped), ...figures(group, profile)]);
  return htmlTable("By layer", [...words("stage", "layer"), ...figureHeads(profile)], rows);
}

export function stagesTable(profile: Profile): string {
  const rows = groupOps(profile, byStage).map((group) => [
    ...group.keys.map(escaped),
    ...figures(group, profile),
  ]);
  return htmlTable("By stage", [...words("stage"), ...figureHeads(profile)], rows);
}

/** Time of the engine's thread that no operation explains. */
export function gapsTable({ gaps, wallMs }: Profile): string {
  if (gaps.length === 0) return "<p>None were recorded.</p>";
  const rows = groupGaps(gaps).map(([name, count, ms]) => [
    escaped(name),
    `${count}`,
    ms.toFixed(3),
    share(ms, wallMs),
  ]);
  const heads = [...words("gap"), { head: "count" }, { head: "ms" }, { head: "of wall" }];
  return htmlTable("Gaps", heads, rows);
}

const PHASES = ["queued", "image", "prefill", "decode"] as const;

/** A row and a waterfall for each request. */
export function requestsTable({ phases }: Profile): string {
  if (phases.length === 0) return "<p>None were recorded.</p>";
  const begin = phases.reduce((least, { startMs }) => Math.min(least, startMs), Infinity);
  const end = phases.reduce((most, { startMs, durationMs }) => Math.max(most, startMs + durationMs), begin);
  const unit = 1000 / Math.max(end - begin, Number.MIN_VALUE);
  const byRequest = new Map<number, ProfilePhase[]>();
  for (const phase of phases) byRequest.set(phase.request, [...(byRequest.get(phase.request) ?? []), phase]);
  const rows = [...byRequest]
    .sort(([a], [b]) => a - b)
    .map(([request, own]) => [
      `${request}`,
      ...PHASES.map((name) => {
        const ms = own.filter((phase) => phase.name === name).map(({ durationMs }) => durationMs);
        return ms.length === 0 ? "–" : ms.reduce((sum, each) => sum + each).toFixed(3);
      }),
      bar(
        own.map(({ name, startMs, durationMs }) => ({
          ...{ start: (startMs - begin) * unit, length: durationMs * unit, kind: name },
        })),
        "waterfall",
      ),
    ]);
  const heads = [
    { head: "request" },
    ...PHASES.map((name) => ({ head: `${name} ms`, kind: name })),
    ...words("when"),
  ];
  return htmlTable("Requests", heads, rows);
}

const words = (...heads: string[]): HtmlColumn[] => heads.map((head) => ({ head, isWord: true }));

function figureHeads({ clock }: Profile): HtmlColumn[] {
  if (clock === "none") return ["count", "instructions", "bytes", "bank conflicts"].map((head) => ({ head }));
  return [...["count", "ms", "of wall", "GB/s", "GFLOP/s", "of the roofline"].map((head) => ({ head }))];
}

function figures(group: OpGroup, { clock, wallMs }: Profile): string[] {
  const { count, ms, counts, gigabytesPerSecond, gigaflopsPerSecond, rooflineShare, roof } = group;
  const number = (value: number | null | undefined, text: (value: number) => string) =>
    value == null ? "–" : text(value);
  if (clock === "none")
    return [
      `${count}`,
      ...[counts?.instructions, counts?.bytes, counts?.bankConflicts].map((n) => number(n, grouped)),
    ];
  const oneDigit = (value: number) => value.toFixed(1);
  return [
    ...[`${count}`, (ms ?? 0).toFixed(3), share(ms ?? 0, wallMs)],
    number(gigabytesPerSecond, oneDigit),
    number(gigaflopsPerSecond, oneDigit),
    rooflineText(rooflineShare, roof),
  ];
}

/** Of the wall time, as a bar and as text. */
function share(ms: number, wallMs: number): string {
  if (wallMs <= 0) return "–";
  const length = Math.min(1000, (1000 * ms) / wallMs);
  return bar([{ start: 0, length, kind: "part" }], "share") + percent(ms / wallMs);
}
