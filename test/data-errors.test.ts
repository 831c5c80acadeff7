import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import t from "tap";
import {
  type Dataset,
  exportWorld,
  loadAtlas,
  Mixture,
  normaliseWeights,
  openGqa,
  openLlava,
  openRefCoco,
  openVqa,
  Random,
  type RefCocoName,
  SampleStream,
} from "../lib/data/index.js";
import { byteTokenizer } from "../lib/tokenizer/index.js";
import { goldenPath } from "./support/paths.js";

const QUESTIONS = "v2_OpenEnded_mscoco_train2014_questions.json";
const ANNOTATIONS = "v2_mscoco_train2014_annotations.json";

const question = (id: number, text: unknown = "Why?") => ({ image_id: 9, question_id: id, question: text });
const answer = (id: number, text: unknown = "So") => ({ question_id: id, multiple_choice_answer: text });
const vqaFiles = (questions: unknown, annotations: unknown) => ({
  [QUESTIONS]: JSON.stringify({ questions }),
  [ANNOTATIONS]: JSON.stringify({ annotations }),
});

t.test("files that are missing or malformed are refused by name", async (t) => {
  const refused = async (
    files: Record<string, string>,
    message: RegExp,
    open = openVqa as (r: string) => unknown,
  ) => {
    const root = t.testdir(files);
    await t.rejects(async () => open(root), { code: "ERR_OPTION", message });
  };
  const nowhere = join(t.testdir(), "nowhere");
  await t.rejects(openVqa(nowhere), { code: "ERR_OPTION", message: /nowhere.*there is no such file/ });
  await refused({ [QUESTIONS]: "{", [ANNOTATIONS]: "{}" }, /questions\.json is no JSON/);
  await refused(
    { [QUESTIONS]: "[]", [ANNOTATIONS]: "{}" },
    /questions\.json must be an object, found an array/,
  );
  await refused(vqaFiles({}, []), /questions must be an array, found \{\}/);
  await refused(vqaFiles([question(1)], [answer(2)]), /questions\[0\]:.*no annotation of question 1/);
  await refused(
    vqaFiles([question(1, 7)], [answer(1)]),
    /questions\[0\]: question must be a string, found 7/,
  );
  await refused(vqaFiles([null], [answer(1)]), /questions\[0\] must be an object, found null/);
  await refused(
    vqaFiles([question(1)], [{ question_id: 1 }]),
    /multiple_choice_answer must be a string, found nothing/,
  );
  await refused(
    { "data.json": '[{"image": "a.jpg"}]' },
    /data\.json\[0\]: conversations must be an array/,
    (root) => openLlava([join(root, "data.json")], root),
  );
  await refused(
    { "data.json": '[{"image": "a.jpg", "conversations": [{"from": "dog", "value": "Wuff"}]}]' },
    /unknown role "dog"/,
    (root) => openLlava([join(root, "data.json")], root),
  );
  await t.rejects(openRefCoco("refcoco++" as RefCocoName, nowhere, nowhere), {
    code: "ERR_OPTION",
    message: /must be one of refcoco, refcoco\+, refcocog/,
  });
});

t.test(
  "boxes outside the picture and empty answers are kept, as the official code keeps them, and counted",
  async (t) => {
    const images = [{ id: 1, file_name: "a.jpg", width: 100, height: 50, caption: "dog" }];
    const boxes = [
      [10, 10, 20, 20],
      [-5, 0, 10, 10],
      [90, 40, 20, 20],
      [1, 1, 0, 5],
    ];
    const annotations = boxes.map((bbox) => ({ image_id: 1, bbox }));
    const root = t.testdir({
      "finetune_refcoco_train.json": JSON.stringify({ images, annotations }),
      ...vqaFiles([question(1), question(2), question(3)], [answer(1), answer(2, ""), answer(3, "")]),
      annotations: {
        "train_balanced_questions_minimal.json":
          '{"1": {"imageId": 5, "question": "Q", "answer": "", "fullAnswer": "F"}}',
      },
    });
    const located = await openRefCoco("refcoco", root, root);
    t.equal(located.length, 4);
    t.match(located.problems, [
      { kind: "box outside the picture", count: 2, first: /annotations\[1\]$/ },
      { kind: "box without area", count: 1, first: /annotations\[3\]$/ },
    ]);
    const texts = new Set(
      Array.from({ length: 40 }, () => located.get(1, new Random(Math.random() * 1e9)).text),
    );
    t.ok([...texts].some((text) => text.endsWith("[-0.050,0.000,0.050,0.200]")));
    const asked = await openVqa(root);
    t.match(asked.problems, [{ kind: "empty answer", count: 2 }]);
    t.match((await openGqa(root)).problems, [{ kind: "empty answer", count: 1, first: /"1"$/ }]);
    t.throws(() => asked.get(1, new Random(0)), {
      code: "ERR_OPTION",
      message: /into vqa must be an integer from 0 to 0/,
    });
  },
);

const annotation = (bbox: unknown) => ({ image_id: 1, bbox });
t.test("a box that is none, or of no picture, is refused", async (t) => {
  const open = (image: object, bbox: unknown) => {
    const file = JSON.stringify({
      images: [{ id: 1, file_name: "a", caption: "c", ...image }],
      annotations: [annotation(bbox)],
    });
    const root = t.testdir({ "finetune_refcocog_train.json": file });
    return openRefCoco("refcocog", root, root);
  };
  const size = { width: 10, height: 10 };
  await t.rejects(open(size, [1, 2, 3]), {
    message: /annotations\[0\]: bbox must be 4 numbers, found \[1,2,3\]/,
  });
  await t.rejects(open(size, [1, 2, 3, "4"]), { message: /bbox must be 4 numbers/ });
  await t.rejects(open({ width: 0, height: 10 }, [1, 2, 3, 4]), {
    message: /images\[0\]: a picture of 0×10 pixels/,
  });
  await t.rejects(open({ ...size, id: 2 }, [1, 2, 3, 4]), { message: /there is no image 1/ });
  await t.rejects(open(size, [1, 2, 3e9, 4]), { message: /corner of a box/ });
});

t.test("weights that do not fit are refused", (t) => {
  const cases: [Parameters<typeof normaliseWeights>[0], RegExp][] = [
    [[1], /one number for each of 2 datasets, not 1 numbers/],
    [[0, 0], /nor all zero/],
    [[1, -1], /must not be negative/],
    [[1, Number.NaN], /must not be negative/],
    ["often" as "uniform", /not "often"/],
  ];
  for (const [weights, message] of cases)
    t.throws(() => normaliseWeights(weights, [3, 4]), { code: "ERR_OPTION", message });
  t.throws(() => new Mixture([], "uniform"), { message: /at least one dataset/ });
  const empty: Dataset = { name: "none", length: 0, problems: [], get: () => ({ image: null, text: "" }) };
  t.throws(() => new Mixture([empty], "uniform"), { message: /the dataset none has no items/ });
  t.end();
});

t.test("a stream takes the next item where an image cannot be read, and says so", async (t) => {
  const pixels = await sharp({ create: { width: 8, height: 6, channels: 3, background: "#c04020" } })
    .jpeg()
    .toBuffer();
  const root = t.testdir({
    ...vqaFiles(
      [0, 1, 2].map((id) => ({ ...question(id), image_id: id })),
      [0, 1, 2].map((id) => answer(id, `A${id}`)),
    ),
    images: { "COCO_train2014_000000000001.jpg": pixels, "COCO_train2014_000000000002.jpg": "no picture" },
  });
  const dataset = await openVqa(root);
  const options = { tokenizer: byteTokenizer(259), visualTokens: 4, imageSize: 16, maxLength: 1023 };
  const stream = new SampleStream(new Mixture([dataset], "uniform"), options);
  let taken = 0;
  for await (const { ids, labels, pixelValues } of stream) {
    t.equal(pixelValues?.length, 3 * 16 * 16);
    t.equal(ids.filter((id) => id === -1).length, 4);
    // Answer and EOS: a byte tokenizer has one id a character, and a space in front.
    t.ok(labels.filter((label) => label !== -100).length >= 3);
    t.equal(labels.length, ids.length);
    if (++taken === 20) break;
  }
  t.match(stream.problems, [{ kind: "image cannot be read", first: /vqa, item [02]: / }]);
  const count = stream.problems[0]!.count;
  // Two of three items fail; the first to fail leads to the second or back to the good one.
  t.ok(count > 5 && count < 35, `${count} failures counted`);
});

t.test("a dataset none of whose images can be read ends the stream", async (t) => {
  const root = t.testdir(vqaFiles([question(1)], [answer(1)]));
  const options = { tokenizer: byteTokenizer(259), visualTokens: 1, imageSize: 8 };
  const stream = new SampleStream(new Mixture([await openVqa(root)], "uniform"), options);
  await t.rejects(
    async () => {
      for await (const _ of stream) t.fail("there is nothing to read");
    },
    {
      code: "ERR_OPTION",
      message: /no item of vqa can be loaded; the first failure: vqa, item 0: .*000000000009\.jpg/,
    },
  );
});

t.test("the same seed, the same stream", async (t) => {
  const files = goldenPath(
    "training",
    "annotations",
    "GQA",
    "annotations",
    "train_balanced_questions_minimal.json",
  );
  const records = JSON.parse(readFileSync(files, "utf8")) as Record<string, { imageId: string }>;
  const pixels = await sharp({ create: { width: 4, height: 4, channels: 3, background: "#000" } })
    .jpeg()
    .toBuffer();
  const names = new Set(Object.values(records).map(({ imageId }) => `${imageId}.jpg`));
  const root = t.testdir({
    annotations: { "train_balanced_questions_minimal.json": JSON.stringify(records) },
    images: Object.fromEntries([...names].map((name) => [name, pixels])),
  });
  const mixture = new Mixture([await openGqa(root)], "uniform");
  const first = async (seed: number) => {
    const stream = new SampleStream(mixture, {
      tokenizer: byteTokenizer(259),
      visualTokens: 1,
      imageSize: 8,
      seed,
    });
    const ids: number[][] = [];
    for await (const sample of stream) if (ids.push(sample.ids) === 5) break;
    return ids;
  };
  t.same(await first(3), await first(3));
  t.notSame(await first(3), await first(4));
});

t.test("the world in the layouts of VQAv2, RefCOCO and LLaVA is read back by their readers", async (t) => {
  const root = t.testdir();
  await exportWorld(root, await loadAtlas(), { count: 12, size: 144 });
  const images = join(root, "VQAv2", "images");
  const datasets = [
    await openVqa(join(root, "VQAv2")),
    await openRefCoco("refcoco", join(root, "refcoco", "annotations"), images),
    await openLlava([join(root, "llava", "detail_23k.json")], images),
  ];
  t.same(
    datasets.flatMap(({ problems }) => problems),
    [],
  );
  const [asked, located, told] = datasets as [Dataset, Dataset, Dataset];
  t.equal(told.length, 12);
  t.ok(asked.length >= 10 && located.length >= 12);
  t.match(asked.get(0, new Random(1)).text, /Human: <image>\nHuman: Answer the question using .*\?\nAI: ./);
  t.match(told.get(0, new Random(1)).text, /Human: <image>\nHuman: Describe the picture\.\nAI: [A-Z]/);
  const options = { tokenizer: byteTokenizer(259), visualTokens: 2, imageSize: 32 };
  let taken = 0;
  for await (const { pixelValues } of new SampleStream(new Mixture(datasets, "uniform"), options)) {
    t.equal(pixelValues?.length, 3 * 32 * 32);
    if (++taken === 10) break;
  }
});
