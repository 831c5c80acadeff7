import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import {
  type Atlas,
  isRight,
  loadAtlas,
  questionsAbout,
  type Scene,
  type SceneQuestion,
  TASKS,
} from "../data/index.js";
import { checkSceneOptions } from "../data/world/generate.js";
import { MAX_ANSWER_TOKENS, pictureOf } from "../demo/answers.js";
import type { RgbImage } from "../image/index.js";
import type { GenerationResult, Model } from "../index.js";
import { DEMO, DEMO_FOLDER } from "../model/resolve.js";
import type { EvalReport } from "./demo-eval-report.js";
import { anySeed, shownScene } from "./demo-scene.js";
import { goldenDemo } from "./golden-demo.js";
import { type ModelFlags, modelOptions, number } from "./options.js";
import type { Protocol } from "./picture/protocol.js";
import { drawOption, showPicture } from "./picture/show.js";
import { writePng, writeTemporaryPng } from "./picture/write.js";
import { interruptSignal, load, Notes, writeJson } from "./terminal.js";

export interface DemoFlags extends ModelFlags {
  model: string;
  seed?: number;
  out?: string;
  draw?: Protocol;
  json?: boolean;
  quiet?: boolean;
}

/** A question with the model's answer. */
interface Answered extends Pick<SceneQuestion, "task" | "question"> {
  answer: string;
  truth: string;
  right: boolean;
}

export function addDemoOptions(command: Command): Command {
  return command
    .option("--seed <n>", "the same seed, the same scene; default: any", number)
    .option("--out <file>", "write the picture as PNG")
    .option("--model <model>", "another model than demo", DEMO)
    .addOption(drawOption())
    .option("--json", "one JSON document")
    .option("--quiet", "no notes");
}

/** `honeybee demo`: a scene that the demo model has never seen, and a question of each task about it. */
export async function demo(flags: DemoFlags): Promise<void> {
  const isPlain = [flags.seed, flags.out, flags.json].every((flag) => flag === undefined);
  if (isPlain && flags.model === DEMO && !existsSync(DEMO_FOLDER)) return goldenDemo(flags.draw);
  if (flags.seed !== undefined) checkSceneOptions(flags.seed, {});
  const signal = interruptSignal();
  const notes = new Notes(flags.quiet ?? false);
  const model = await load(flags.model, { ...modelOptions(flags), signal }, notes);
  try {
    const atlas = await loadAtlas();
    const scene = flags.seed === undefined ? richScene(atlas) : shownScene(flags.seed, atlas);
    const questions = questionsAbout(scene, atlas);
    const say = (text: string) => void (flags.json || process.stdout.write(text));
    say(`Scene ${scene.seed}, which is in no training set:\n\n`);
    const picture = pictureOf(scene, atlas);
    const path = await show(picture, scene.seed, flags, say);
    const results: GenerationResult[] = [];
    const answered: Answered[] = [];
    for (const each of questions) {
      const { task, question, text, answer: truth } = each;
      const asked = task === "grounding" ? `the box of: ${question}` : question;
      say(`${task.padEnd(11)}${asked.padEnd(42)} `);
      const generation = model.generate({
        prompt: text,
        images: [picture],
        maxTokens: MAX_ANSWER_TOKENS,
        signal,
      });
      let answer = "";
      for await (const chunk of generation) {
        const words = oneLine(chunk.text);
        say(answer === "" ? words.trimStart() : words);
        answer += words;
      }
      results.push(await generation.result);
      const right = isRight(each, answer);
      say(`${" ".repeat(Math.max(1, 14 - answer.trim().length))}${right ? "✓" : "✗"} ${truth}\n`);
      answered.push({ task, question, answer: answer.trim(), truth, right });
    }
    const timings = sumTimings(model, results);
    const right = answered.filter((each) => each.right).length;
    if (flags.json) {
      writeJson({ seed: scene.seed, picture: path, questions: answered, right, timings });
      return;
    }
    say(`\n${right} of ${answered.length} right.${flags.model === DEMO ? ` ${cardLine()}` : ""}\n`);
    say(timingsLine(model, timings));
    say(hints(scene.seed));
  } finally {
    await model.dispose();
  }
}

/** A scene about which every task can be asked. */
function richScene(atlas: Atlas): Scene {
  for (let seed = anySeed(); ; seed++) {
    const scene = shownScene(seed, atlas);
    if (questionsAbout(scene, atlas).length === TASKS.length) return scene;
  }
}

/** Draws the scene in the terminal, or writes a file and says where; returns the file's path. */
async function show(
  picture: RgbImage,
  seed: number,
  { draw, out, json }: DemoFlags,
  say: (text: string) => void,
): Promise<string | undefined> {
  const isDrawn = !json && (await showPicture(picture, process.stdout, draw));
  if (out !== undefined) await writePng(picture, out);
  const path = out ?? (isDrawn ? undefined : await writeTemporaryPng(picture, seed));
  say(path === undefined ? "\n" : `picture: ${path}\n\n`);
  return path;
}

/** What a model says goes into one line, whatever it is. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\s]+/gu, " ");
}

interface DemoTimings {
  loadMs: number;
  /** Of the picture, once. */
  encodeMs: number;
  prefillMs: number;
  promptTokens: number;
  completionTokens: number;
  tokensPerSecond: number;
}

function sumTimings(model: Model, results: readonly GenerationResult[]): DemoTimings {
  const sum = (of: (result: GenerationResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const decodeMs = sum(({ timings }) => timings.decodeMs);
  // The first token of an answer comes with its prefill.
  const decoded = sum(({ usage }) => Math.max(0, usage.completionTokens - 1));
  return {
    loadMs: model.info.loadMs,
    encodeMs: sum(({ timings }) => timings.encodeMs),
    prefillMs: sum(({ timings }) => timings.prefillMs),
    promptTokens: sum(({ usage }) => usage.promptTokens - usage.cachedTokens),
    completionTokens: sum(({ usage }) => usage.completionTokens),
    tokensPerSecond: decodeMs > 0 ? decoded / (decodeMs / 1000) : 0,
  };
}

function timingsLine(model: Model, timings: DemoTimings): string {
  const { device, weights } = model.info;
  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return (
    `${device}, ${weights.text} weights: picture encoded in ${ms(timings.encodeMs)}, ${timings.promptTokens} tokens of ` +
    `prompts read in ${ms(timings.prefillMs)}, answers at ${timings.tokensPerSecond.toFixed(0)} tokens/s.\n`
  );
}

/**
 * What the model card says, in a line.
 *
 * @param folder of the model; its evaluation.json is what `demo-eval --json` printed of these weights
 */
export function cardLine(folder: string = DEMO_FOLDER): string {
  const card = join(folder, "README.md");
  try {
    const report = JSON.parse(readFileSync(join(folder, "evaluation.json"), "utf8")) as EvalReport;
    const scores = Object.values(report.tasks!);
    const asked = scores.reduce((sum, { count }) => sum + count, 0);
    const right = scores.reduce((sum, { accuracy, count }) => sum + accuracy * count, 0);
    return `Of ${asked} questions about new scenes it has ${((100 * right) / asked).toFixed(0)} % right; ${card} says more.`;
  } catch {
    return `How often it is right: ${card}`;
  }
}

/** npm knows the command in a clone and in an installed package; a global installation has it on the path. */
function hints(seed: number): string {
  const command = process.env.npm_lifecycle_event ? "npx honeybee" : "honeybee";
  const rows: [string, string][] = [
    [`${command} chat demo`, "go on, with pictures of your own"],
    [`${command} demo-scene --seed ${seed} scene.png`, "this picture as a file"],
    [`${command} bench random:1.1B-C-Abs-M144`, "how fast a model of a real size is here"],
  ];
  return `\n${rows.map(([what, why]) => `${what.padEnd(50)} ${why}\n`).join("")}`;
}
