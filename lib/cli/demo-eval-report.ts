import { TASKS, type Task } from "../data/index.js";
import { type Evaluation, type Scores, UNSEEN } from "../demo/evaluate.js";
import type { PartDtypes } from "../model/spec.js";
import type { Comparison } from "./demo-compare.js";

/** What `demo-eval --json` prints. */
export interface EvalReport extends Evaluation {
  model: string;
  seed: number;
  /** Questions a task. */
  count: number;
  device: string;
  weights: PartDtypes;
  seconds: number;
}

const FIRST = 12;
const WIDTH = 13;

const percent = (value: number | undefined) => (value === undefined ? "" : `${(100 * value).toFixed(1)} %`);

const heading = ({ model, seed, count, device, weights, seconds }: EvalReport) =>
  `${model} on ${device}, ${weights.text} weights; seed ${seed}, ${count} questions a task, ${seconds} s\n\n`;

/** Rows of tasks beneath named columns. */
function table(columns: readonly [name: string, scores: Scores | undefined][]): string {
  const shown = columns.filter((column): column is [string, Scores] => column[1] !== undefined);
  const row = (first: string, cells: readonly string[]) =>
    `${first.padEnd(FIRST)}${cells.map((cell) => cell.padStart(WIDTH)).join("")}\n`;
  const cells = (task: Task) => shown.map(([, scores]) => percent(scores[task]?.accuracy));
  const names = row(
    "",
    shown.map(([name]) => name),
  );
  return names + TASKS.map((task) => row(task, cells(task))).join("");
}

/** An evaluation as text: a row a task, a column a set of questions. */
export function evaluationTable(report: EvalReport): string {
  const { tasks, unseen, blind, commonest } = report;
  const main = table([
    ["new", tasks],
    ["unseen", unseen?.tasks],
    ["blind", blind?.tasks],
    ["commonest", commonest.tasks],
  ]);
  const split = unseen ? `\nunseen\n${table(UNSEEN.map((name) => [name, unseen[name]]))}` : "";
  return heading(report) + main + split;
}

/** Two ways to run the model, side by side. */
export function comparisonTable(report: EvalReport, other: Comparison): string {
  const name = (device: string, weights: PartDtypes) => `${device} ${weights.text}`;
  const main = table([
    [name(report.device, report.weights), report.tasks],
    [name(other.device, other.weights), other.tasks],
  ]);
  const share = percent(other.same / other.count);
  return `${heading(report)}${main}\n${other.same} of ${other.count} answers are the same (${share})\n`;
}
