import { optionError } from "../check.js";
import { scoreAnswers } from "../data/index.js";
import { answerQuestions } from "../demo/answers.js";
import { questionSet, type Scores } from "../demo/evaluate.js";
import type { Model } from "../index.js";
import { CHOICES, type ModelOptions } from "../model/options.js";
import type { PartDtypes } from "../model/spec.js";
import type { EvalRun } from "./demo-eval.js";

/** The same questions answered by another device or in another format. */
export interface Comparison {
  device: string;
  weights: PartDtypes;
  tasks: Scores;
  /** How many answers are the same to the letter. */
  same: number;
  count: number;
}

/**
 * `--against`: a device, a format of weights, or both with a comma; what it does not name is as in `options`.
 *
 * @throws HoneybeeError ERR_OPTION for a word that is neither
 */
export function parseOther(text: string, options: ModelOptions): ModelOptions {
  const other = { ...options };
  for (const word of text.split(",").map((part) => part.trim())) {
    if ((CHOICES.weights as readonly string[]).includes(word)) other.weights = word;
    else if (/^(cpu|simt|cuda(:\d+)?)$/.test(word)) other.device = word;
    else
      throw optionError(
        `--against ${text}: ${JSON.stringify(word)} is neither a device (cpu, cuda, cuda:N, simt) nor a format of ` +
          `weights (${CHOICES.weights.join(", ")})`,
      );
  }
  return other;
}

/** Asks a model what another has answered. */
export async function compare(
  model: Model,
  answers: readonly string[],
  { atlas, seed, count, signal }: EvalRun,
  onAnswer: () => void,
): Promise<Comparison> {
  const questions = questionSet(seed, count, atlas);
  const others = await answerQuestions(model, questions, atlas, { onAnswer, signal });
  const { device, weights } = model.info;
  const { tasks } = scoreAnswers(questions.map((question, n) => ({ question, prediction: others[n]! })));
  const same = others.filter((answer, n) => answer === answers[n]).length;
  return { device, weights, tasks, same, count: questions.length };
}
