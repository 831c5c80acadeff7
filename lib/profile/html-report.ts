import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../native.js";
import { escaped, jsonIsland } from "./html.js";
import { gapsTable, layersTable, operationsTable, requestsTable, stagesTable } from "./html-tables.js";
import { explained } from "./profile-table.js";
import { rooflinePlot } from "./roofline-plot.js";
import { enclosing, opTracks, tracks } from "./tracks.js";
import type { Profile } from "./types.js";
import { roofText } from "./units.js";

/**
 * A profile as one HTML file that needs nothing else and may load nothing else: a timeline, a roofline plot, tables by
 * operation, layer and stage, and the waterfall of each request.
 */
export function htmlReport(profile: Profile): string {
  const { model, device, honeybee, date, clock, ops, roofs } = profile;
  const file = (name: string) => readFileSync(join(packageRoot, "assets", "profile", name), "utf8");
  const style = file("report.css");
  const script = joined([file("view.js"), file("timeline.js")]);
  const isTimed = clock !== "none";
  const about = [
    device,
    `honeybee ${honeybee}`,
    date,
    isTimed ? `times by ${clock}` : "no times",
    ...(roofs ? [roofText(roofs)] : []),
  ];
  const parts: Record<string, string> = {
    policy: escaped(policy(script, style)),
    title: escaped(`Profile of ${model}`),
    about: escaped(about.join(" · ")),
    sum: escaped(
      isTimed ? explained(profile) : `${ops.length} operations on the simulator, whose times mean nothing`,
    ),
    axis: isTimed ? "" : "The axis counts instructions.",
    roofline: rooflinePlot(profile),
    operations: operationsTable(profile),
    layers: layersTable(profile),
    stages: stagesTable(profile),
    gaps: gapsTable(profile),
    requests: requestsTable(profile),
    profile: jsonIsland(profile),
    tracks: jsonIsland(drawnTracks(profile)),
    style,
    script,
  };
  return file("report.html").replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!);
}

/** Modules as one: they import only each other, and share no names. */
function joined(modules: readonly string[]): string {
  return modules
    .map((text) => text.replace(/^import .* from "\.\/.*";\n/gm, "").replace(/^export /gm, ""))
    .join("\n");
}

/** Nothing may be loaded, and nothing run but these very texts. */
function policy(script: string, style: string): string {
  const hash = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
  return `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
}

/** What the timeline draws: slices as [place in the profile, start, end], layers as [name, start, end], nanoseconds. */
function drawnTracks(profile: Profile): object[] {
  const placeOf = new Map<object, number>(
    [profile.ops, profile.gaps].flatMap((entries) => entries.map((entry, i): [object, number] => [entry, i])),
  );
  const gaps = profile.clock === "none" ? [] : tracks("gaps", profile.gaps, (gap) => gap);
  const slicesOf = (slices: { item: object; startNs: number; endNs: number }[]) =>
    slices.map(({ item, startNs, endNs }) => [placeOf.get(item)!, startNs, endNs]);
  return [
    ...opTracks(profile).map(({ name, slices }) => ({
      ...{ name, kind: "op", slices: slicesOf(slices) },
      layers: enclosing(slices, ({ layer, stage, step }) =>
        layer === null ? null : `${layer} ${stage} ${step}`,
      ).map(({ item, startNs, endNs }) => [`layer ${item.split(" ")[0]}`, startNs, endNs]),
    })),
    ...gaps.map(({ name, slices }) => ({ name, kind: "gap", slices: slicesOf(slices), layers: [] })),
  ];
}
