// `honeybee demo` where there is no terminal, with a checkpoint of random weights in place of the model.
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import t from "tap";
import { cardLine } from "../lib/cli/demo.js";
import { isRight, loadAtlas, questionsAbout, renderScene, sceneOf, TASKS } from "../lib/data/index.js";
import { loadModel } from "../lib/index.js";
import { goldenPath, repositoryRoot } from "./support/paths.js";

const checkpoint = goldenPath("models", "cabs-new");
const atlas = await loadAtlas();

async function demo(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  const command = [main, "demo", "--model", checkpoint, "--weights", "f32", "--device", "cpu", ...args];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, command)) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

t.test("a question of each task about the scene of a seed, with the truth beside the answer", async (t) => {
  const out = join(t.testdir(), "scene.png");
  const { code, stdout, stderr } = await demo("--seed", "5", "--out", out, "--quiet");
  t.equal(code, 0);
  t.equal(stderr, "");
  t.match(stdout, `Scene 5, which is in no training set:\n\npicture: ${out}\n`);
  t.notMatch(stdout, "\x1b", "nothing is drawn where no terminal is");
  const scene = sceneOf(5, atlas, { size: 224 });
  const pixels = renderScene(scene, atlas);
  t.ok((await sharp(out).raw().toBuffer()).equals(pixels));

  const model = await loadModel(checkpoint, { weights: "f32" });
  t.teardown(() => model.dispose());
  const lines = stdout.split("\n");
  let right = 0;
  const questions = questionsAbout(scene, atlas);
  for (const { task, question, text, answer } of questions) {
    const line = lines.find((each) => each.startsWith(`${task} `))!;
    const images = [{ data: pixels, width: 224, height: 224, channels: 3 }];
    const said = (await model.generate({ prompt: text, images, maxTokens: 32 }).result).text;
    const isSame = isRight({ task, answer }, said);
    if (isSame) right++;
    t.ok(line.includes(question) && line.endsWith(`${isSame ? "✓" : "✗"} ${answer}`), line);
  }
  t.match(stdout, `${right} of ${questions.length} right.`);
  t.match(
    stdout,
    /picture encoded in [\d.]+ ms, \d+ tokens of prompts read in [\d.]+ ms, answers at \d+ tokens\/s/,
  );
  t.match(stdout, /honeybee chat demo/);
  t.match(stdout, /honeybee demo-scene --seed 5 scene\.png/);
});

t.test("without a seed: a scene of which everything can be asked; --json", async (t) => {
  const { stdout } = await demo("--json", "--quiet");
  const { seed, picture, questions, right, timings } = JSON.parse(stdout);
  t.ok(existsSync(picture));
  const tasks = questions.map(({ task }: { task: string }) => task);
  t.same(tasks, TASKS);
  t.equal(right, questions.filter((each: { right: boolean }) => each.right).length);
  t.ok(timings.prefillMs > 0 && timings.promptTokens > 0 && timings.loadMs > 0);
  const truths = questionsAbout(sceneOf(seed, atlas, { size: 224 }), atlas).map(({ answer }) => answer);
  t.same(
    questions.map(({ truth }: { truth: string }) => truth),
    truths,
  );
});

t.test("--draw draws whatever the output is", async (t) => {
  const { stdout } = await demo("--seed", "5", "--draw", "sixel", "--quiet");
  t.match(stdout, '\x1bPq"1;1;448;448#0;2;');
  t.notMatch(stdout, "picture:");
});

t.test("what the model card says", (t) => {
  const folder = t.testdir();
  t.equal(cardLine(folder), `How often it is right: ${join(folder, "README.md")}`);
  const tasks = { naming: { accuracy: 0.9, count: 30 }, reading: { accuracy: 0.5, count: 10 } };
  writeFileSync(join(folder, "evaluation.json"), JSON.stringify({ tasks }));
  t.match(cardLine(folder), "Of 40 questions about new scenes it has 80 % right; ");
  writeFileSync(join(folder, "evaluation.json"), "{}");
  t.match(cardLine(folder), "How often it is right: ");
  t.end();
});

t.test("wrong use", async (t) => {
  const cases: [string[], number, RegExp][] = [
    [["--seed", "-1"], 2, /seed must be an integer from 0/],
    [["--out", join(t.testdir(), "no", "folder.png")], 1, /folder\.png cannot be written/],
  ];
  const outcomes = await Promise.all(cases.map(([args]) => demo(...args)));
  for (const [n, { code, stderr }] of outcomes.entries()) {
    const [args, expected, message] = cases[n]!;
    t.equal(code, expected, args.join(" "));
    t.match(stderr, message);
  }
});
