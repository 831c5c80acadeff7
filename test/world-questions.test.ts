import t from "tap";
import {
  encodeSample,
  isRight,
  loadAtlas,
  parseBox,
  type Question,
  questionsAbout,
  questionsOf,
  type SceneObject,
  SPLITS,
  sampleOf,
  sceneOf,
  scoreAnswers,
  TASKS,
  type Task,
} from "../lib/data/index.js";
import { countImages, encodePrompt } from "../lib/prompt/index.js";
import { byteTokenizer } from "../lib/tokenizer/index.js";

const atlas = await loadAtlas();
const COUNT = 90;
const sets = new Map(TASKS.map((task) => [task, questionsOf(task, 11, COUNT, atlas)]));

/** The question without template and roles. */
const asked = ({ text }: Question) =>
  /Human: (?:Answer the question using a single word or phrase\.|Provide .* describes\.) (.*)\nAI: $/.exec(
    text,
  )![1]!;

const middle = ({ box }: SceneObject) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] as const;
const pluralOf = new Map(atlas.index.names.map(({ name, plural }) => [plural, name]));

/** The objects that a phrase such as "the red circle", "circle" or `word "TREE"` may mean. */
function meant({ scene }: Question, phrase: string): SceneObject[] {
  const bare = phrase.replace(/^(the|a|an|some) /, "");
  return scene.objects.filter((object) => {
    if (object.kind === "word") return bare === `word "${object.word}"` || bare === "word";
    return bare === object.name || (object.kind === "shape" && bare === `${object.color} ${object.name}`);
  });
}

const tally = (values: readonly string[]) =>
  values.reduce(
    (counts, value) => counts.set(value, (counts.get(value) ?? 0) + 1),
    new Map<string, number>(),
  );

t.test("prompts are open, and no question is asked twice about a scene", (t) => {
  for (const [task, questions] of sets) {
    t.equal(questions.length, COUNT);
    t.ok(questions.every(({ text }) => text.endsWith("\nAI: ") && countImages(text) === 1));
    t.equal(new Set(questions.map(({ scene }) => scene.seed)).size, COUNT, task);
    t.ok(questions.every(({ scene, answer }) => scene.split === "new" && answer !== ""));
  }
  t.end();
});

t.test("existence: the answers are true, balanced, and half of the no are near misses", (t) => {
  const questions = sets.get("existence")!;
  t.same([...tally(questions.map(({ answer }) => answer))].sort(), [
    ["no", COUNT / 2],
    ["yes", COUNT / 2],
  ]);
  let near = 0;
  for (const question of questions) {
    const phrase = /^(?:Is there|Can you see) (.*?)(?: in the (?:picture|image))?\?$/.exec(
      asked(question),
    )![1]!;
    const found = meant(question, phrase).length > 0;
    if (found !== (question.answer === "yes")) t.fail(`${asked(question)} ${question.answer}`);
    if (question.answer === "yes") continue;
    const noun = phrase.replace(/^(a|an|some) /, "");
    const category = atlas.index.names.find(({ name }) => name === noun)?.category;
    const isNear = question.scene.objects.some((object) => {
      if (object.kind === "word") return false;
      if (object.kind === "shape")
        return noun.startsWith(`${object.color} `) || noun.endsWith(` ${object.name}`);
      return atlas.index.names[atlas.nameIndex(object.name)]!.category === category;
    });
    if (isNear) near++;
  }
  t.ok(near >= Math.floor(COUNT / 4), `${near} of ${COUNT / 2} share a category, a colour or a shape`);
  t.end();
});

t.test("counting: the number is how many there are, each from 1 to 5 equally often", (t) => {
  const questions = sets.get("counting")!;
  for (const question of questions) {
    const plural = /^How many (.*?) (?:are|can)/.exec(asked(question))![1]!;
    const phrase = pluralOf.get(plural) ?? plural.replace(/crosses$/, "cross").replace(/s$/, "");
    const count = meant(
      question,
      phrase === "red cros" ? "red cross" : phrase.replace(/cros$/, "cross"),
    ).length;
    if (String(count) !== question.answer)
      t.fail(`${asked(question)} ${question.answer}, but there are ${count}`);
  }
  t.same([...tally(questions.map(({ answer }) => answer)).values()], Array(5).fill(COUNT / 5));
  t.end();
});

t.test("naming: what is said to be in a place is there, and nothing else is", (t) => {
  for (const question of sets.get("naming")!) {
    const { size, objects } = question.scene;
    const place = /(?:at|on|in) the (.*?)(?: of the picture)?\?$/.exec(asked(question))?.[1];
    const there = objects.filter(
      (object) => place === undefined || /picture|image/.test(place) || isIn(object, place, size),
    );
    const names = there.map((object) => (object.kind === "word" ? object.word : object.name));
    if (new Set(names).size !== 1 || names[0] !== question.answer) {
      t.fail(`${asked(question)} ${question.answer}, but there: ${names.join(", ")}`);
    }
  }
  t.end();
});

function isIn(object: SceneObject, place: string, size: number): boolean {
  const [x, y] = middle(object).map((value) => Math.floor((3 * value) / size)) as [number, number];
  const column = place.includes("left") ? 0 : place.includes("right") ? 2 : 1;
  const row = place.includes("top") ? 0 : place.includes("bottom") ? 2 : 1;
  return x === column && y === row;
}

t.test("position: each of nine places equally often, and true", (t) => {
  const questions = sets.get("position")!;
  t.same([...tally(questions.map(({ answer }) => answer)).values()], Array(9).fill(COUNT / 9));
  for (const question of questions) {
    const phrase = /is (the .*?)\?$/.exec(asked(question))![1]!;
    const objects = meant(question, phrase);
    t.equal(objects.length, 1, asked(question));
    if (!isIn(objects[0]!, question.answer, question.scene.size))
      t.fail(`${asked(question)} ${question.answer}`);
  }
  t.end();
});

t.test("relation: true by a clear distance, and balanced", (t) => {
  const questions = sets.get("relation")!;
  t.same([...tally(questions.map(({ answer }) => answer)).values()], [COUNT / 2, COUNT / 2]);
  for (const question of questions) {
    const [, first, words, second] =
      /^Is (the .*?) (to the left of|to the right of|above|below) (the .*?)\?$/.exec(asked(question))!;
    const [a, b] = [meant(question, first!), meant(question, second!)];
    t.same([a.length, b.length], [1, 1], asked(question));
    const axis = words === "above" || words === "below" ? 1 : 0;
    const sign = words === "above" || words === "to the left of" ? -1 : 1;
    const lead = (sign * (middle(a[0]!)[axis] - middle(b[0]!)[axis])) / question.scene.size;
    if (Math.abs(lead) < 0.0999 || lead > 0 !== (question.answer === "yes"))
      t.fail(`${asked(question)}: ${lead}`);
  }
  t.end();
});

t.test("colour and reading: what the scene says, and no drawing whose name tells its colour", (t) => {
  for (const question of sets.get("colour")!) {
    const phrase = /^What (?:color is|is the color of) (the .*?)\?$/.exec(asked(question))![1]!;
    const [object, ...others] = meant(question, phrase);
    t.same(others, [], asked(question));
    if (object?.kind === "drawing" || object?.color !== question.answer)
      t.fail(`${asked(question)} ${question.answer}`);
  }
  t.ok(tally(sets.get("colour")!.map(({ answer }) => answer)).size >= 10);
  for (const question of sets.get("reading")!) {
    const words = question.scene.objects.flatMap((object) => (object.kind === "word" ? [object] : []));
    t.ok(words.some(({ word }) => word === question.answer));
    if (words.length > 1) t.match(asked(question), /What does the .* say/, "told apart");
  }
  t.end();
});

t.test("grounding: the box of the one object that the expression means", (t) => {
  for (const question of sets.get("grounding")!) {
    const { size } = question.scene;
    const bare = asked(question).replace(/ (?:on|at|in) the (.*)$/, "");
    const box = parseBox(question.answer)!.map((value) => value * size);
    const distances = meant(question, bare).map((object) =>
      Math.max(...object.box.map((side, n) => Math.abs(side - box[n]!))),
    );
    // Three decimals of 224 pixels.
    if (!(Math.min(...distances) <= 0.113)) t.fail(`${asked(question)} ${question.answer}`);
    if (bare === asked(question)) t.equal(distances.length, 1, bare);
  }
  t.end();
});

t.test("other splits ask the same way", (t) => {
  for (const split of SPLITS) {
    for (const task of TASKS) {
      const questions = questionsOf(task, 3, 9, atlas, { split, size: 144 });
      t.ok(questions.every(({ scene }) => scene.split === split && scene.size === 144));
    }
  }
  t.same(questionsOf("naming", 3, 4, atlas), questionsOf("naming", 3, 4, atlas));
  t.throws(() => questionsOf("smell" as Task, 1, 1, atlas), {
    code: "ERR_OPTION",
    message: /task must be one of/,
  });
  t.throws(() => questionsOf("naming", 1, 0, atlas), { code: "ERR_OPTION", message: /count must be/ });
  t.end();
});

t.test("about one scene: a question of each task that it allows, in words of its own", (t) => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 60; seed++) {
    const scene = sceneOf(seed, atlas, { size: 224 });
    const questions = questionsAbout(scene, atlas);
    const tasks = questions.map(({ task }) => task);
    t.same(
      tasks,
      TASKS.filter((task) => tasks.includes(task)),
    );
    for (const task of tasks) counts.set(task, (counts.get(task) ?? 0) + 1);
    t.ok(questions.every((each) => asked(each) === each.question && each.scene === scene));
    const words = scene.objects.flatMap((object) => (object.kind === "word" ? [object.word] : []));
    const reading = questions.find(({ task }) => task === "reading");
    if (words.length === 1) t.equal(reading?.answer, words[0]);
    if (words.length === 0) t.notOk(reading);
    t.same(questionsAbout(scene, atlas), questions);
  }
  t.ok(TASKS.every((task) => (counts.get(task) ?? 0) > 10));
  t.end();
});

t.test("scores", (t) => {
  const right = (task: Task, answer: string, prediction: string) => isRight({ task, answer }, prediction);
  t.ok(right("naming", "hot dog", " Hot dog. "));
  t.ok(right("reading", "TREE", '"tree"'));
  t.notOk(right("naming", "dog", "hot dog"));
  t.notOk(right("counting", "3", "13"));
  t.notOk(right("existence", "no", ""));
  t.ok(right("grounding", "[0.100,0.100,0.300,0.300]", "[0.100,0.100,0.300,0.200]"), "exactly half");
  t.notOk(right("grounding", "[0.100,0.100,0.300,0.300]", "[0.100,0.100,0.300,0.199]"));
  t.notOk(right("grounding", "[0.100,0.100,0.300,0.300]", "a dog"));
  t.notOk(right("grounding", "[0.100,0.100,0.300,0.300]", "[0.300,0.300,0.100,0.100]"));
  const answered = [
    { question: { task: "naming" as const, answer: "dog" }, prediction: "dog" },
    { question: { task: "naming" as const, answer: "dog" }, prediction: "cat" },
    { question: { task: "counting" as const, answer: "2" }, prediction: "2" },
  ];
  t.same(scoreAnswers(answered), {
    tasks: { naming: { accuracy: 0.5, count: 2 }, counting: { accuracy: 1, count: 1 } },
  });
  t.end();
});

t.test("training samples: prompts of the recipe, with as many pictures as tags", (t) => {
  const tokenizer = byteTokenizer(259);
  const kinds = new Set<string>();
  let pairs = 0;
  let several = 0;
  for (let seed = 0; seed < 600; seed++) {
    const sample = sampleOf(seed, atlas, { stage: 2, size: 144, turns: 6 });
    const { scenes, text } = sample;
    if (scenes.length !== countImages(text)) t.fail(`sample ${seed}: ${scenes.length} scenes`);
    if (scenes.length === 2) pairs++;
    const isCaption = text.startsWith("[NO_PROMPT] <image> ");
    const turns = isCaption ? 1 : text.split("\nAI: ").length - 1;
    if (turns !== sample.kinds.length || turns > 6) t.fail(`sample ${seed}: ${turns} turns`);
    if (turns > 1) several++;
    if (/\{|undefined|null|\n$/.test(text)) t.fail(`sample ${seed}: ${text}`);
    for (const kind of sample.kinds) kinds.add(kind);
    if (seed >= 60) continue;
    const { ids, answers } = encodeSample(sample, tokenizer);
    const encoded = encodePrompt(tokenizer, text, { visualTokens: 1, inference: false });
    const labels = ids!.map((id, at) => (answers!.some(([from, to]) => at >= from && at < to) ? id : -100));
    t.same(ids, encoded.ids);
    t.same(labels, encoded.labels);
    t.equal(answers!.length, turns);
  }
  t.same([...kinds].sort(), [...TASKS, "caption", "description", "dialogue"].sort());
  t.ok(pairs > 5 && several > 200);
  t.same(sampleOf(9, atlas, { stage: 2 }), sampleOf(9, atlas, { stage: 2 }));
  t.match(sampleOf(9, atlas, { stage: 1 }).text, /^\[NO_PROMPT\] <image> [A-Z].*\.$/);
  t.end();
});
