import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { loadAtlas, type Scene, type SceneObject, SPLITS, type Split, sceneOf } from "../lib/data/index.js";
import { readAtlas } from "../lib/data/world/atlas.js";
import { isHeldOutDrawing, isHeldOutShape } from "../lib/data/world/splits.js";
import { packageRoot } from "../lib/native.js";

const atlas = await loadAtlas();
const { index } = atlas;
const seeds = Array.from({ length: 150 }, (_, seed) => seed);
const scenesOf = (split: Split) => seeds.map((seed) => sceneOf(seed, atlas, { split }));
const scenes = new Map(SPLITS.map((split) => [split, scenesOf(split)]));
const all = [...scenes.values()].flat();

const drawings = (list: readonly Scene[]) =>
  list.flatMap(({ background, objects }) =>
    objects.flatMap((object) =>
      object.kind === "drawing" ? [{ ...object, background: background.kind }] : [],
    ),
  );
const shapes = (list: readonly Scene[]) =>
  list.flatMap(({ objects }) => objects.flatMap((object) => (object.kind === "shape" ? [object] : [])));

t.test("the atlas has what the demo promises", (t) => {
  const names = index.names.map(({ name }) => name);
  t.ok(names.length >= 200, `${names.length} names`);
  t.equal(new Set(names).size, names.length);
  t.ok(index.styles.length >= 3);
  t.ok(index.styles.includes(index.unseenStyle));
  t.equal(new Set(index.shapes).size, index.shapes.length);
  t.notOk(
    index.shapes.some((shape) => names.includes(shape)),
    "no shape is called as a drawing is",
  );
  for (const [n, { hull }] of atlas.cells.entries()) {
    if (hull.length < 3) t.fail(`cell ${n} is empty`);
    const reach = Math.max(...hull.flat().map(Math.abs));
    if (reach > 0.5) t.fail(`cell ${n} leaves its bounds`);
  }
  const bytes = index.sheets.reduce(
    (sum, file) => sum + readFileSync(join(packageRoot, "assets/world", file)).length,
    0,
  );
  t.ok(bytes <= 4e6, `${bytes} bytes`);
  t.end();
});

t.test("scenes keep their bounds", (t) => {
  const broken: string[] = [];
  for (const scene of all) {
    const { size, objects, background } = scene;
    const where = `${scene.split} scene ${scene.seed}`;
    const check = (isRight: boolean, what: string) => {
      if (!isRight) broken.push(`${where}: ${what}`);
    };
    check(size >= 144 && size <= 224, `size ${size}`);
    check(objects.length >= 1 && objects.length <= 6, `${objects.length} objects`);
    check(Number.isInteger(background.scale) && background.scale >= 1, `scale ${background.scale}`);
    for (const [n, object] of objects.entries()) {
      const { x, y, side, angle, box } = object;
      check([x, y, side, angle].every(Number.isInteger), "whole numbers");
      // Rounding to a pixel may pass a bound by half of one.
      check(side >= 0.12 * size - 0.5 && side <= 0.45 * size + 0.5, `side ${side} of ${size}`);
      check(Math.abs(angle) <= 30, `angle ${angle}`);
      check(box[0] >= 0 && box[1] >= 0 && box[2] <= size && box[3] <= size, `box ${box}`);
      for (const other of objects.slice(n + 1)) check(overlap(object, other) <= 0.3 + 1e-9, "overlap");
    }
  }
  t.same(broken, [], `${all.length} scenes`);
  t.end();
});

function overlap(a: SceneObject, b: SceneObject): number {
  const width = Math.min(a.box[2], b.box[2]) - Math.max(a.box[0], b.box[0]);
  const height = Math.min(a.box[3], b.box[3]) - Math.max(a.box[1], b.box[1]);
  const area = ({ box }: SceneObject) => (box[2] - box[0]) * (box[3] - box[1]);
  return (Math.max(0, width) * Math.max(0, height)) / Math.min(area(a), area(b));
}

t.test("splits are disjoint", (t) => {
  const styles = (split: Split) => new Set(drawings(scenes.get(split)!).map(({ style }) => style));
  t.same([...styles("style")], [index.unseenStyle]);
  for (const split of ["train", "new", "combination", "background"] as const) {
    t.notOk(styles(split).has(index.unseenStyle));
  }
  const backgrounds = (split: Split) => new Set(scenes.get(split)!.map(({ background }) => background.kind));
  t.ok(backgrounds("train").size >= 8, "kinds of background in training");
  t.same(
    [...backgrounds("background")].filter((kind) => backgrounds("train").has(kind)),
    [],
  );
  const pairs = (split: Split) =>
    new Set([
      ...drawings(scenes.get(split)!).map(({ name, background }) => `${name} on ${background}`),
      ...shapes(scenes.get(split)!).map(({ name, color }) => `${color} ${name}`),
    ]);
  const trained = pairs("train");
  t.ok(pairs("combination").size > 150);
  t.same(
    [...pairs("combination")].filter((pair) => trained.has(pair)),
    [],
  );
  for (const { name, background } of drawings([...scenes.get("train")!, ...scenes.get("new")!])) {
    if (isHeldOutDrawing(atlas.nameIndex(name), background)) t.fail(`${name} on ${background} is held out`);
  }
  for (const { name, color } of shapes([...scenes.get("train")!, ...scenes.get("new")!])) {
    if (isHeldOutShape(index.shapes.indexOf(name), color)) t.fail(`${color} ${name} is held out`);
  }
  const contents = (split: Split) =>
    new Set(scenes.get(split)!.map(({ objects }) => JSON.stringify(objects)));
  t.same(
    [...contents("new")].filter((content) => contents("train").has(content)),
    [],
  );
  t.end();
});

t.test("every name, shape and kind of background is drawn", (t) => {
  const many = Array.from({ length: 2000 }, (_, n) => sceneOf(10_000 + n, atlas, { split: "train" }));
  t.equal(new Set(drawings(many).map(({ name }) => name)).size, index.names.length);
  t.equal(new Set(shapes(many).map(({ name }) => name)).size, index.shapes.length);
  t.equal(new Set(many.map(({ background }) => background.kind)).size, 10);
  t.equal(new Set(many.map(({ objects }) => objects.length)).size, 6);
  t.end();
});

t.test("a seed is a scene", (t) => {
  t.same(sceneOf(5, atlas), sceneOf(5, atlas, { split: "new" }));
  t.notSame(sceneOf(5, atlas).objects, sceneOf(6, atlas).objects);
  t.notSame(sceneOf(5, atlas).objects, sceneOf(5 + 2 ** 32, atlas).objects);
  t.equal(sceneOf(5, atlas, { size: 150 }).size, 150);
  for (let copies = 1; copies <= 5; copies++) {
    for (const seed of seeds.slice(0, 20)) {
      const { objects } = sceneOf(seed, atlas, { copies });
      const counts = new Map<string, number>();
      for (const object of objects) {
        const key = object.kind === "word" ? object.word : `${object.color} ${object.name}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      if (![...counts.values()].includes(copies)) t.fail(`scene ${seed} has nothing ${copies} times`);
    }
  }
  for (let leastObjects = 1; leastObjects <= 6; leastObjects++) {
    const counts = seeds
      .slice(0, 20)
      .map((seed) => sceneOf(seed, atlas, { size: 144, leastObjects }).objects.length);
    t.ok(Math.min(...counts) >= leastObjects && Math.max(...counts) <= 6, `${leastObjects}: ${counts}`);
  }
  t.ok(
    seeds
      .slice(0, 50)
      .every((seed) => sceneOf(seed, atlas, { need: "word" }).objects.some(({ kind }) => kind === "word")),
  );
  t.end();
});

t.test("wrong options are refused", async (t) => {
  const cases: [Parameters<typeof sceneOf>[2] & object, number, RegExp][] = [
    [{}, -1, /seed must be an integer/],
    [{}, 1.5, /seed must be an integer/],
    [{}, 2 ** 60, /seed must be an integer/],
    [{ size: 143 }, 0, /size must be an integer from 144 to 224, not 143/],
    [{ copies: 6 }, 0, /copies must be an integer from 1 to 5/],
    [{ leastObjects: 7 }, 0, /leastObjects must be an integer from 1 to 6, not 7/],
    [{ split: "test" as Split }, 0, /split must be one of train, new,/],
    [{ need: "cloud" as "word" }, 0, /need must be one of drawing, shape, word/],
  ];
  for (const [options, seed, message] of cases) {
    t.throws(() => sceneOf(seed, atlas, options), { code: "ERR_OPTION", message });
  }
  await t.rejects(readAtlas(t.testdir()), { code: "ERR_IMAGE", message: /cannot be read/ });
  await t.rejects(readAtlas(t.testdir({ "atlas.json": "{}" })), {
    code: "ERR_IMAGE",
    message: /cannot be read/,
  });
});
