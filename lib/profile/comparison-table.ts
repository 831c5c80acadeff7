import { columns } from "./columns.js";
import {
  type Change,
  type ComparedProfile,
  type Comparison,
  LEAST_REPEATS,
  SIGNIFICANCE,
} from "./compare.js";

/** A comparison for a terminal: the whole run, then each operation, the largest change first. */
export function comparisonTable({ before, after, wall, ops }: Comparison): string {
  const head = ["operation", "before ms", "after ms", "change ms", "change", "p", ""];
  const lines = [
    `before: ${profileLine(before)}`,
    `after:  ${profileLine(after)}`,
    ...(before.device === after.device ? [] : ["These are different devices."]),
    ...(before.model === after.model ? [] : ["These are different models."]),
    "",
    columns([head, ...[wall, ...ops].map(row)], 1),
    "",
    footnote(before.repeats, after.repeats),
  ];
  return `${lines.join("\n")}\n`;
}

const profileLine = ({ model, device, date, honeybee, repeats }: ComparedProfile) =>
  `${model}, ${device}, honeybee ${honeybee}, ${date}, ${repeats} ${repeats === 1 ? "repeat" : "repeats"}`;

function row({ name, beforeMs, afterMs, changeMs, p, verdict }: Change): string[] {
  const signed = (value: number, digits: number) => `${value > 0 ? "+" : ""}${value.toFixed(digits)}`;
  return [
    name,
    beforeMs.toFixed(3),
    afterMs.toFixed(3),
    signed(changeMs, 3),
    beforeMs > 0 && afterMs > 0 ? `${signed((100 * changeMs) / beforeMs, 1)} %` : "–",
    p === null ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3),
    verdict,
  ];
}

function footnote(before: number, after: number): string {
  if (Math.min(before, after) < LEAST_REPEATS)
    return `Too few repeats to say what is chance: each profile needs ${LEAST_REPEATS} or more.`;
  return (
    `Means of ${before} and ${after} repeats. p: Welch's t-test, for the operations with Holm's correction; ` +
    `slower and faster are said below ${SIGNIFICANCE}.`
  );
}
