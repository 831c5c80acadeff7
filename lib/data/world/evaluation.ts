import { HoneybeeError } from "../../errors.js";
import { renderTemplate } from "../../prompt/index.js";
import { parseBox } from "../boxes.js";
import { Random } from "../random.js";
import type { Atlas } from "./atlas.js";
import { Facts, REGIONS } from "./facts.js";
import { type SceneOptions, sceneOf } from "./generate.js";
import { iou } from "./geometry.js";
import { type Question, type Scene, type Split, TASKS, type Task } from "./scene.js";
import { ASK, type Turn, type Wish } from "./tasks.js";

export interface EvaluationOptions {
  /** Default "new". */
  split?: Split;
  /** Side of the pictures in pixels; default: several. */
  size?: number;
}

/** Share of a task's questions that were answered rightly, and how many there were. */
export interface TaskScore {
  accuracy: number;
  count: number;
}

/** Least overlap of a box with the true one, intersection over union. */
const LEAST_IOU = 0.5;
const MOST_COUNT = 1_000_000;

/**
 * The questions of a task's evaluation set: the same seed, the same questions, each about a scene of its own. Answers
 * are balanced: as many yes as no, half of the no near misses; each number from 1 to 5, each of the nine places.
 *
 * @throws HoneybeeError ERR_OPTION for options out of range
 */
export function questionsOf(
  task: Task,
  seed: number,
  count: number,
  atlas: Atlas,
  options: EvaluationOptions = {},
): Question[] {
  if (!TASKS.includes(task)) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `task must be one of ${TASKS.join(", ")}, not ${JSON.stringify(task)}`,
    );
  }
  if (!Number.isInteger(count) || count < 1 || count > MOST_COUNT) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `count must be an integer from 1 to ${MOST_COUNT}, not ${String(count)}`,
    );
  }
  const { split = "new", size } = options;
  const random = new Random(seed, 200 + TASKS.indexOf(task));
  return Array.from({ length: count }, (_, n) => {
    const wish = wishOf(task, n);
    const wanted: SceneOptions = { split, ...(size !== undefined && { size }), ...neededBy(task, n) };
    for (;;) {
      const scene = sceneOf(random.bits() * 2 ** 20 + (random.bits() >>> 12), atlas, wanted);
      const turn = ASK[task](new Facts(scene, atlas), random, wish);
      if (turn === null || (task === "counting" && turn.answer !== String(1 + (n % 5)))) continue;
      return questionOf(task, scene, turn);
    }
  });
}

function questionOf(task: Task, scene: Scene, { question, answer }: Turn): Question {
  const text =
    task === "grounding"
      ? renderTemplate("eval-refexploc", { phrase: question })
      : renderTemplate("eval-vqa", { question });
  return { task, scene, text, answer };
}

/** A question, and what it asks without the words that `text` has around it. */
export interface SceneQuestion extends Question {
  question: string;
}

/** Tries to ask about a scene before a task counts as one that the scene does not have what it takes for. */
const ATTEMPTS = 20;

/**
 * One question of each task that can be asked about a scene, in the order of `TASKS`: the same scene and seed, the same
 * questions. Nothing is balanced, so what comes of many scenes is no evaluation; that is `questionsOf`.
 */
export function questionsAbout(scene: Scene, atlas: Atlas, seed: number = scene.seed): SceneQuestion[] {
  const facts = new Facts(scene, atlas);
  const random = new Random(seed, 300);
  return TASKS.flatMap((task) => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const turn = ASK[task](facts, random, { isStrict: true });
      if (turn) return [{ ...questionOf(task, scene, turn), question: turn.question }];
    }
    return [];
  });
}

function wishOf(task: Task, n: number): Wish {
  const answer = n % 2 === 0 ? "yes" : "no";
  if (task === "existence") return { isStrict: true, answer, isNear: n % 4 === 1 };
  if (task === "relation") return { isStrict: true, answer };
  return task === "position" ? { isStrict: true, region: REGIONS[n % REGIONS.length]! } : { isStrict: true };
}

/** What a scene must have for the task, or most scenes would be drawn in vain. */
function neededBy(task: Task, n: number): SceneOptions {
  if (task === "counting") return { copies: 1 + (n % 5) };
  if (task === "reading") return { need: "word" };
  return task === "colour" ? { need: n % 4 === 0 ? "word" : "shape" } : {};
}

/** Whether a model's answer is right: the same word, whatever its case; a box that overlaps by half at least. */
export function isRight(question: Pick<Question, "task" | "answer">, prediction: string): boolean {
  if (question.task === "grounding") {
    const [box, truth] = [parseBox(prediction), parseBox(question.answer)];
    return box !== null && truth !== null && iou(box, truth) >= LEAST_IOU;
  }
  return normal(prediction) === normal(question.answer);
}

const normal = (text: string) =>
  text
    .trim()
    .replace(/^["']|["'.]+$/g, "")
    .toLowerCase();

/** How many different answers of a task `scoreCommonest` tries. */
const MOST_CONSTANTS = 200;

/**
 * What a model would reach that saw nothing and knew the answers' frequencies: the accuracy of always giving the one
 * answer that is right most often.
 */
export function scoreCommonest(questions: readonly Pick<Question, "task" | "answer">[]): {
  tasks: Partial<Record<Task, TaskScore>>;
} {
  const tasks: Partial<Record<Task, TaskScore>> = {};
  for (const task of TASKS) {
    const own = questions.filter((question) => question.task === task);
    if (own.length === 0) continue;
    const counts = new Map<string, number>();
    for (const { answer } of own) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const constants = [...counts].sort(([, a], [, b]) => b - a).slice(0, MOST_CONSTANTS);
    const rights = constants.map(([answer]) => own.filter((question) => isRight(question, answer)).length);
    tasks[task] = { accuracy: Math.max(...rights) / own.length, count: own.length };
  }
  return { tasks };
}

/** Scores answers by task. */
export function scoreAnswers(
  answered: readonly { question: Pick<Question, "task" | "answer">; prediction: string }[],
): { tasks: Partial<Record<Task, TaskScore>> } {
  const tasks: Partial<Record<Task, TaskScore>> = {};
  for (const task of TASKS) {
    const own = answered.filter(({ question }) => question.task === task);
    if (own.length === 0) continue;
    const right = own.filter(({ question, prediction }) => isRight(question, prediction)).length;
    tasks[task] = { accuracy: right / own.length, count: own.length };
  }
  return { tasks };
}
