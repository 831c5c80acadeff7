// demo:eval: scores of answerers whose accuracy is known, and the command as a user meets it.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import t from "tap";
import type { BatchRequest } from "../lib/batch/index.js";
import { parseOther } from "../lib/cli/demo-compare.js";
import {
  loadAtlas,
  type Question,
  questionsOf,
  renderScene,
  scoreCommonest,
  TASKS,
} from "../lib/data/index.js";
import { answerQuestions } from "../lib/demo/answers.js";
import { evaluate, questionSet, UNSEEN } from "../lib/demo/evaluate.js";
import { loadModel } from "../lib/index.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const model = goldenPath("models", "cabs-new");
const atlas = await loadAtlas();

async function demoEval(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  try {
    const command = [main, "demo-eval", "--model", model, ...args];
    return { code: 0, ...(await promisify(execFile)(process.execPath, command)) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

t.test("who knows all answers is right about all, who says nothing about none", async (t) => {
  const all = async (questions: readonly Question[]) => questions.map(({ answer }) => answer);
  const { tasks, unseen, blind } = await evaluate(all, atlas, { seed: 3, count: 4 });
  for (const task of TASKS) {
    t.same(tasks?.[task], { accuracy: 1, count: 4 });
    t.same(blind?.tasks[task], { accuracy: 1, count: 4 });
    for (const split of UNSEEN) t.same(unseen?.[split][task], { accuracy: 1, count: 2 });
    t.same(unseen?.tasks[task], { accuracy: 1, count: 6 });
  }
  const none = await evaluate(async (questions) => questions.map(() => ""), atlas, { seed: 3, count: 2 });
  for (const task of TASKS) t.same(none.tasks?.[task], { accuracy: 0, count: 2 });
});

t.test(
  "who is right with a picture alone is not so without, and each split is scored by itself",
  async (t) => {
    const seeing = async (questions: readonly Question[], isBlind: boolean) =>
      questions.map(({ answer, scene }) => (isBlind || scene.split === "style" ? "?" : answer));
    const { tasks, unseen, blind, commonest } = await evaluate(seeing, atlas, { seed: 3, count: 20 });
    for (const task of TASKS) {
      t.equal(tasks?.[task]?.accuracy, 1);
      t.equal(blind?.tasks[task]?.accuracy, 0);
      t.same(
        [...UNSEEN, "tasks" as const].map((split) => unseen?.[split][task]?.accuracy),
        [0, 1, 1, 2 / 3],
      );
    }
    // By construction of the questions: half yes, each number from 1 to 5 as often.
    t.equal(commonest.tasks.existence?.accuracy, 0.5);
    t.equal(commonest.tasks.relation?.accuracy, 0.5);
    t.equal(commonest.tasks.counting?.accuracy, 0.2);
  },
);

t.test("the commonest answer", (t) => {
  const asked = (task: "naming" | "grounding", ...answers: string[]) =>
    answers.map((answer) => ({ task, answer }));
  const boxes = [
    "[0.1,0.1,0.3,0.3]",
    "[0.1,0.1,0.3,0.4]",
    "[0.1,0.1,0.3,0.45]",
    "[0.6,0.6,0.9,0.9]",
    "[0,0,1,1]",
  ];
  const questions = [...asked("naming", "dog", "Dog", "cat", "owl"), ...asked("grounding", ...boxes)];
  t.same(scoreCommonest(questions), {
    // The first box overlaps the second by 2/3 and the third by 4/7.
    tasks: { naming: { accuracy: 0.5, count: 4 }, grounding: { accuracy: 0.6, count: 5 } },
  });
  t.end();
});

t.test("answers come in the order of their questions, with the picture of each, or grey", async (t) => {
  const loaded = await loadModel(model, { weights: "f32" });
  t.teardown(() => loaded.dispose());
  const [first, second] = questionsOf("naming", 5, 2, atlas) as [Question, Question];
  const shown: number[] = [];
  const spy = {
    batch: (requests: Iterable<BatchRequest>) => {
      const all = [...requests] as unknown as { images: { data: Uint8Array }[] }[];
      for (const { images } of all) shown.push(new Set(images[0]!.data).size);
      return loaded.batch(all as unknown as BatchRequest[]);
    },
  };
  const ask = async ({ text, scene }: Question) => {
    const data = renderScene(scene, atlas);
    const picture = { data, width: scene.size, height: scene.size, channels: 3 };
    return (await loaded.generate({ prompt: text, images: [picture], maxTokens: 32 }).result).text;
  };
  let count = 0;
  const answers = await answerQuestions(spy, [first, second], atlas, { onAnswer: () => count++ });
  t.same(answers, [await ask(first), await ask(second)]);
  t.equal(count, 2);
  t.ok(shown.every((colors) => colors > 1));
  await answerQuestions(spy, [first], atlas, { isBlind: true });
  t.equal(shown[2], 1, "one grey");
  const lost = [{ ...first, text: `${first.text}<image>` }];
  const refusal = { code: "ERR_OPTION", message: /question 0: .*<image>/ };
  await t.rejects(answerQuestions(loaded, lost, atlas), refusal);
});

t.test("--json prints one document: what the questions of the seed give", async (t) => {
  const wanted = ["--seed", "5", "--count", "2", "--json", "--weights", "f32", "--device", "cpu"];
  const { code, stdout, stderr } = await demoEval(...wanted);
  t.equal(code, 0);
  t.match(stderr, /56 of 56 answered/);
  const { tasks, unseen, blind, commonest, seconds, ...report } = JSON.parse(stdout);
  t.ok(seconds > 0);
  t.match(report, { seed: 5, count: 2, device: "cpu", weights: { text: "f32" }, model });
  for (const scores of [tasks, unseen.tasks, unseen.style, blind.tasks, commonest.tasks])
    t.same(Object.keys(scores), [...TASKS]);
  const loaded = await loadModel(model, { weights: "f32" });
  t.teardown(() => loaded.dispose());
  const answer = (questions: readonly Question[], isBlind: boolean) =>
    answerQuestions(loaded, questions, atlas, { isBlind });
  t.same({ tasks, unseen, blind, commonest }, await evaluate(answer, atlas, { seed: 5, count: 2 }));
  t.not(
    JSON.stringify(questionSet(5, 2, atlas)),
    JSON.stringify(questionSet(6, 2, atlas)),
    "a seed of its own",
  );
});

t.test("a table; --against compares answers", async (t) => {
  const table = await demoEval("--count", "1", "--columns", "new,blind", "--quiet");
  t.equal(table.stderr, "");
  t.match(table.stdout, /new +blind +commonest\nexistence +[\d.]+ % +[\d.]+ % +100\.0 %/);
  t.notMatch(table.stdout, /unseen/);
  const same = await demoEval("--count", "1", "--weights", "f32", "--against", "cpu", "--json", "--quiet");
  const { against, tasks } = JSON.parse(same.stdout);
  t.match(against, { device: "cpu", weights: { text: "f32" }, same: 8, count: 8, tasks });
});

t.test("wrong use", async (t) => {
  const cases: [string[], RegExp][] = [
    [["--count", "0"], /count must be an integer from 1/],
    [["--columns", "new,old"], /expected some of new,unseen,blind/],
    [["--against", "simt", "--columns", "blind"], /leave --columns out/],
  ];
  const outcomes = await Promise.all(cases.map(([args]) => demoEval(...args)));
  for (const [n, { code, stdout, stderr }] of outcomes.entries()) {
    const [args, message] = cases[n]!;
    t.equal(code, 2, args.join(" "));
    t.equal(stdout, "");
    t.match(stderr, message);
  }
});

t.test("--against takes a device, weights, or both", (t) => {
  t.same(parseOther("simt", { device: "cpu", weights: "f32", threads: 2 }), {
    device: "simt",
    weights: "f32",
    threads: 2,
  });
  t.throws(() => parseOther("simt,gpu", {}), {
    code: "ERR_OPTION",
    message: /"gpu" is neither a device .* nor a format/,
  });
  t.same(parseOther("bf16, cuda:1", {}), { device: "cuda:1", weights: "bf16" });
  t.end();
});
