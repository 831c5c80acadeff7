import { type Command, InvalidArgumentError } from "commander";
import { checkNumber, optionError } from "../check.js";
import { type Atlas, loadAtlas } from "../data/index.js";
import { answerQuestions } from "../demo/answers.js";
import { COLUMNS, type Column, countQuestions, evaluate } from "../demo/evaluate.js";
import type { Model } from "../index.js";
import type { ModelOptions } from "../model/options.js";
import { DEMO } from "../model/resolve.js";
import { compare, parseOther } from "./demo-compare.js";
import { comparisonTable, evaluationTable } from "./demo-eval-report.js";
import { type ModelFlags, modelOptions, number } from "./options.js";
import { type Progress, ProgressView } from "./progress-view.js";
import { interruptSignal, load, Notes, writeJson } from "./terminal.js";

export interface DemoEvalFlags extends ModelFlags {
  model: string;
  seed: number;
  count: number;
  columns?: Column[];
  against?: string;
  json?: boolean;
  quiet?: boolean;
}

function columns(text: string): Column[] {
  const wanted = text.split(",").map((name) => name.trim());
  const unknown = wanted.find((name) => !COLUMNS.includes(name as Column));
  if (unknown === undefined) return wanted as Column[];
  throw new InvalidArgumentError(`expected some of ${COLUMNS.join(",")}.`);
}

export function addDemoEvalOptions(command: Command): Command {
  return command
    .option("--model <model>", "another model than demo", DEMO)
    .option("--seed <n>", "the same seed, the same questions", number, 1)
    .option("--count <n>", "questions a task", number, 500)
    .option("--columns <names>", `what to measure (default ${COLUMNS.join(",")})`, columns)
    .option(
      "--against <device,weights>",
      `answer the new questions there too and compare: simt, or bf16, or both with a comma`,
    )
    .option("--json", "one JSON document")
    .option("--quiet", "no notes");
}

/** `honeybee demo-eval`: how many questions about its world the demo model answers rightly. */
export async function demoEval(flags: DemoEvalFlags): Promise<void> {
  const { seed, count } = flags;
  checkNumber("seed", seed);
  checkNumber("count", count);
  const options = modelOptions(flags);
  const other = flags.against === undefined ? undefined : parseOther(flags.against, options);
  if (other && flags.columns && flags.columns.join() !== "new")
    throw optionError("--against compares answers to the new questions; leave --columns out");
  const notes = new Notes(flags.quiet ?? false);
  const signal = interruptSignal();
  const run = { atlas: await loadAtlas(), seed, count, notes, signal };
  const answered = await withModel(flags.model, options, run, async (model) => {
    const begin = performance.now();
    const asked = other ? (["new"] as const) : (flags.columns ?? COLUMNS);
    const answers: string[] = [];
    const view = new Counter(countQuestions(count, asked), notes);
    try {
      const evaluation = await evaluate(
        async (questions, isBlind) => {
          const onAnswer = () => view.count();
          const given = await answerQuestions(model, questions, run.atlas, { isBlind, onAnswer, signal });
          answers.push(...given);
          return given;
        },
        run.atlas,
        { seed, count, columns: asked },
      );
      const { device, weights } = model.info;
      const seconds = Math.round((performance.now() - begin) / 100) / 10;
      return {
        answers,
        report: { model: flags.model, seed, count, device, weights, seconds, ...evaluation },
      };
    } finally {
      view.stop();
    }
  });
  const { report } = answered;
  if (!other) {
    if (flags.json) writeJson(report);
    else process.stdout.write(evaluationTable(report));
    return;
  }
  const against = await withModel(flags.model, other, run, async (model) => {
    const view = new Counter(answered.answers.length, notes);
    try {
      return await compare(model, answered.answers, run, () => view.count());
    } finally {
      view.stop();
    }
  });
  if (flags.json) writeJson({ ...report, against });
  else process.stdout.write(comparisonTable(report, against));
}

/** What both models of a comparison are run with. */
export interface EvalRun {
  atlas: Atlas;
  seed: number;
  count: number;
  notes: Notes;
  signal: AbortSignal;
}

async function withModel<T>(
  name: string,
  options: ModelOptions,
  { notes, signal }: EvalRun,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  const model = await load(name, { ...options, signal }, notes);
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

/** Shows how many questions are answered. */
class Counter {
  private done = 0;
  private readonly view: ProgressView;

  constructor(
    private readonly total: number,
    private readonly notes: Notes,
  ) {
    this.view = new ProgressView((seconds) => this.progress(seconds), notes);
  }

  count(): void {
    this.done++;
  }

  stop(): void {
    this.view.stop();
    this.notes.say(this.progress(this.view.seconds()).text);
  }

  private progress(seconds: number): Progress {
    const rate = (this.done / seconds).toFixed(1);
    return { share: this.done / this.total, text: `${this.done} of ${this.total} answered, ${rate}/s` };
  }
}
