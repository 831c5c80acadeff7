import { renderChat, renderTemplate } from "../../prompt/index.js";
import { deduplicate, type Example, resolveExamples } from "../examples.js";
import { Random } from "../random.js";
import type { Atlas } from "./atlas.js";
import { captionOf } from "./captions.js";
import { Facts } from "./facts.js";
import { sceneOf } from "./generate.js";
import { type Sample, type Scene, type Split, TASKS, type Task } from "./scene.js";
import { ASK, type Turn } from "./tasks.js";

export interface SampleOptions {
  /** 1: captions; 2: the mix of tasks. */
  stage: 1 | 2;
  /** Default "train". */
  split?: Split;
  /** Side of the pictures in pixels, 144 to 224; default: several. */
  size?: number;
  /** Most questions about one picture; default 8. */
  turns?: number;
  /** How many objects each picture has at least, 1 to 6; default 1. */
  leastObjects?: number;
}

/** What stage 2 consists of, in place of the groups of the paper's Table 2. */
const FORMS = {
  /** Questions answered in a word or a phrase (open-ended VQA). */
  vqa: 0.55,
  /** Expressions and boxes (referring expression comprehension). */
  boxes: 0.17,
  /** Conversations in sentences (instruction). */
  dialogue: 0.18,
  /** Two pictures in one conversation. */
  pair: 0.03,
  caption: 0.07,
} as const;

/** How often each task is asked in "vqa" and in conversations; counting and reading are learnt slowest. */
const TASK_WEIGHTS: Readonly<Record<Exclude<Task, "grounding">, number>> = {
  existence: 1.2,
  naming: 1.4,
  counting: 1.3,
  colour: 0.8,
  position: 1,
  relation: 1.1,
  reading: 1.2,
};
const ASKED = TASKS.filter((task) => task !== "grounding");
const WEIGHTS = ASKED.map((task) => TASK_WEIGHTS[task]);
/** No two turns of a dialogue have the same answer, as in GQA's data; yes and no would give each other away. */
const DEDUPLICATION = { key: "answer", whitelist: ["yes", "no"] };

/**
 * A training sample of a seed: the same seed and options, the same sample. Samples of different seeds are independent.
 */
export function sampleOf(seed: number, atlas: Atlas, options: SampleOptions): Sample {
  const { stage, split = "train", size, turns = 8, leastObjects = 1 } = options;
  const random = new Random(seed, 100 + stage);
  const draw = () => {
    const wish = { split, leastObjects, ...(size !== undefined && { size }) };
    const scene = sceneOf(random.bits() * 2 ** 20 + (random.bits() >>> 12), atlas, wish);
    return { scene, facts: new Facts(scene, atlas) };
  };
  const { scene, facts } = draw();
  const forms = Object.keys(FORMS) as (keyof typeof FORMS)[];
  const form = stage === 1 ? "caption" : forms[random.weighted(Object.values(FORMS))]!;
  switch (form) {
    case "caption":
      return caption(scene, facts, random);
    case "boxes":
      return boxes(scene, facts, random, random.integer(1, Math.min(4, turns)));
    case "dialogue":
      return dialogue([scene], facts, random, random.integer(1, Math.min(4, turns)));
    case "pair":
      return pair([{ scene, facts }, draw()], random);
    default:
      return vqa(scene, facts, random, random.integer(Math.min(3, turns), turns));
  }
}

function caption(scene: Scene, facts: Facts, random: Random): Sample {
  const text = renderTemplate("captioning", { caption: captionOf(facts, random) });
  return { scenes: [scene], text, kinds: ["caption"] };
}

/** Up to `count` questions about a scene, of tasks drawn by weight. */
function ask(facts: Facts, random: Random, count: number): Turn[] {
  const turns: Turn[] = [];
  const asked = new Set<string>();
  for (let attempt = 0; attempt < 3 * count && turns.length < count; attempt++) {
    const turn = ASK[ASKED[random.weighted(WEIGHTS)]!](facts, random, {});
    if (turn === null || asked.has(turn.sentence)) continue;
    asked.add(turn.sentence);
    turns.push(turn);
  }
  return turns;
}

function vqa(scene: Scene, facts: Facts, random: Random, count: number): Sample {
  const examples = ask(facts, random, count).map(({ kind, question, answer }) => ({
    kind,
    question,
    answer,
  }));
  if (examples.length === 0) return caption(scene, facts, random);
  const entries = deduplicate(examples as Example[], DEDUPLICATION);
  const turns = resolveExamples(entries, random);
  return { scenes: [scene], text: renderTemplate("vqa", turns), kinds: turns.map(({ kind }) => kind!) };
}

/** Referring expressions, all from words to boxes or all from boxes to words, as the template set has it. */
function boxes(scene: Scene, facts: Facts, random: Random, count: number): Sample {
  const pattern = random.below(2);
  const turns = new Map<string, { phrase: string; bbox: string }>();
  for (let attempt = 0; attempt < 2 * count && turns.size < count; attempt++) {
    const turn = ASK.grounding(facts, random, {});
    if (turn !== null) turns.set(turn.answer, { phrase: turn.question, bbox: turn.answer });
  }
  if (turns.size === 0) return caption(scene, facts, random);
  const text = renderTemplate("loc", [...turns.values()], { pattern });
  return {
    scenes: [scene],
    text,
    kinds: [...turns].map(() => (pattern === 0 ? "grounding" : "description")),
  };
}

const DESCRIBE = [
  "What do you see?",
  "Describe the picture.",
  "What is in the picture?",
  "Describe this image.",
];

function dialogue(scenes: Scene[], facts: Facts, random: Random, count: number): Sample {
  const turns = ask(facts, random, count).map(({ question, sentence }) => [question, sentence] as const);
  const kinds = turns.map(() => "dialogue");
  // "What is in the picture?" asks for the name where there is but one thing, and for a description otherwise.
  const openers =
    facts.things.length > 1 ? DESCRIBE : DESCRIBE.filter((text) => !text.includes("What is in"));
  if (turns.length === 0 || random.chance(0.35)) {
    turns.unshift([random.pick(openers), captionOf(facts, random)]);
    kinds.unshift("caption");
  }
  return { scenes, text: chat(turns, scenes.length), kinds };
}

const ORDINALS = ["first", "second"];

function pair(pictures: readonly { scene: Scene; facts: Facts }[], random: Random): Sample {
  const turns = random.shuffled([0, 1]).map((n) => {
    const { facts } = pictures[n]!;
    const question = random.pick([
      `What is in the ${ORDINALS[n]} picture?`,
      `Describe the ${ORDINALS[n]} image.`,
    ]);
    return [question, captionOf(facts, random)] as const;
  });
  const scenes = pictures.map(({ scene }) => scene);
  return { scenes, text: chat(turns, scenes.length), kinds: turns.map(() => "caption") };
}

/** A conversation as people have it with the model: no template. */
function chat(turns: readonly (readonly [question: string, answer: string])[], images: number): string {
  const messages = turns.flatMap(([question, answer], n) => {
    const shown = n === 0 ? Array.from({ length: images }, () => ({})) : [];
    return [
      { role: "user" as const, content: [...shown, question] },
      { role: "assistant" as const, content: answer },
    ];
  });
  return renderChat(messages, { family: "honeybee" }).prompt;
}
