import {
  type Atlas,
  type Question,
  questionsOf,
  type Split,
  scoreAnswers,
  scoreCommonest,
  TASKS,
  type Task,
  type TaskScore,
} from "../data/index.js";

export type Scores = Partial<Record<Task, TaskScore>>;

/** Splits of the world that training shows nothing of, beyond new scenes. */
export const UNSEEN = ["style", "combination", "background"] as const satisfies readonly Split[];

/** What `evaluate` can measure. */
export const COLUMNS = ["new", "unseen", "blind"] as const;
export type Column = (typeof COLUMNS)[number];

export interface Evaluation {
  /** On new scenes. */
  tasks?: Scores;
  /** In an unseen style, combination or background, a third of the questions each, and all together. */
  unseen?: Record<(typeof UNSEEN)[number] | "tasks", Scores>;
  /** The questions on new scenes, with a grey picture. */
  blind?: { tasks: Scores };
  /** What always giving the commonest answer to the questions on new scenes would reach. */
  commonest: { tasks: Scores };
}

/** Answers questions in their order; `isBlind`: without their pictures. */
export type Answerer = (questions: readonly Question[], isBlind: boolean) => Promise<readonly string[]>;

/** `count` questions of each task, the same for a seed. */
export function questionSet(seed: number, count: number, atlas: Atlas, split: Split = "new"): Question[] {
  return TASKS.flatMap((task) => questionsOf(task, seed, count, atlas, { split }));
}

/** How many questions `evaluate` will ask. */
export function countQuestions(count: number, columns: readonly Column[]): number {
  const unseen = UNSEEN.length * Math.ceil(count / UNSEEN.length);
  const each = { new: count, unseen, blind: count };
  return TASKS.length * columns.reduce((sum, column) => sum + each[column], 0);
}

/**
 * Measures how well questions about the demo model's world are answered. The same seed, the same questions.
 *
 * @throws HoneybeeError ERR_OPTION for a seed or count out of range
 */
export async function evaluate(
  answer: Answerer,
  atlas: Atlas,
  { seed, count, columns = COLUMNS }: { seed: number; count: number; columns?: readonly Column[] },
): Promise<Evaluation> {
  const questions = questionSet(seed, count, atlas);
  const ask = async (set: readonly Question[], isBlind: boolean) => {
    const predictions = await answer(set, isBlind);
    return set.map((question, n) => ({ question, prediction: predictions[n]! }));
  };
  const score = async (set: readonly Question[], isBlind: boolean) => scoreAnswers(await ask(set, isBlind));
  const tasks = columns.includes("new") ? (await score(questions, false)).tasks : undefined;
  const unseen = columns.includes("unseen") ? await evaluateUnseen(ask, atlas, seed, count) : undefined;
  const blind = columns.includes("blind") ? await score(questions, true) : undefined;
  return {
    ...(tasks && { tasks }),
    ...(unseen && { unseen }),
    ...(blind && { blind }),
    commonest: scoreCommonest(questions),
  };
}

type Ask = (set: readonly Question[], isBlind: boolean) => Promise<Parameters<typeof scoreAnswers>[0]>;

async function evaluateUnseen(ask: Ask, atlas: Atlas, seed: number, count: number) {
  const sets = UNSEEN.map((split) => questionSet(seed, Math.ceil(count / UNSEEN.length), atlas, split));
  const answered = await ask(sets.flat(), false);
  const size = sets[0]!.length;
  const [style, combination, background] = sets.map(
    (_, n) => scoreAnswers(answered.slice(n * size, (n + 1) * size)).tasks,
  ) as [Scores, Scores, Scores];
  return { tasks: scoreAnswers(answered).tasks, style, combination, background };
}
