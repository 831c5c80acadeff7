import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import t, { type Test } from "tap";
import { loadAtlas, renderScene, type Scene, SPLITS, sceneOf } from "../lib/data/index.js";
import { packageRoot } from "../lib/native.js";
import { goldenPath } from "./support/paths.js";

const atlas = await loadAtlas();

/** Compares scenes of one size with pictures that stand below one another. */
async function compare(t: Test, scenes: readonly Scene[], picture: string) {
  const { data, info } = await sharp(picture).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const [{ size }] = scenes as [Scene];
  t.same([info.width, info.height], [size, size * scenes.length]);
  for (const [n, scene] of scenes.entries()) {
    const ours = renderScene(scene, atlas);
    const theirs = data.subarray(n * size * size * 3, (n + 1) * size * size * 3);
    let most = 0;
    let different = 0;
    for (let i = 0; i < ours.length; i++) {
      const difference = Math.abs(ours[i]! - theirs[i]!);
      most = Math.max(most, difference);
      if (difference > 0) different++;
    }
    const what = `${scene.split} scene ${scene.seed} on ${scene.background.kind}`;
    t.ok(most <= 1, `${what}: at most ${most} of 255 apart`);
    // Only what lies near a half may be rounded otherwise.
    t.ok(different < ours.length / 10, `${what}: ${different} of ${ours.length} values differ`);
  }
}

t.test("pictures are those that the PyTorch compositor drew, within 1/255", async (t) => {
  const lines = readFileSync(goldenPath("world", "scenes.jsonl"), "utf8").trimEnd().split("\n");
  const scenes = lines.map((line) => JSON.parse(line) as Scene);
  t.equal(new Set(scenes.map(({ background }) => background.kind)).size, 12);
  await compare(t, scenes, goldenPath("world", "pictures.webp"));
});

/** A Python that has torch, if this machine has one. */
async function findPython(): Promise<string | undefined> {
  const candidates = [
    process.env.HONEYBEE_PYTHON,
    join(packageRoot, "train", ".venv", "bin", "python"),
    "python3",
  ];
  for (const python of candidates) {
    if (!python || (python.includes("/") && !existsSync(python))) continue;
    const found = await promisify(execFile)(python, ["-c", "import torch, PIL, numpy"]).catch(
      () => undefined,
    );
    if (found) return python;
  }
  return undefined;
}

const python = await findPython();
const skip = python ? false : "no Python with torch here";

// Starting torch takes a while on a busy machine.
t.test("scenes of every split look the same to PyTorch and to us", { skip, timeout: 300_000 }, async (t) => {
  const scenes = Array.from({ length: 40 }, (_, seed) => {
    return sceneOf(seed, atlas, { size: 160, split: SPLITS[seed % SPLITS.length]! });
  });
  const folder = t.testdir();
  const [list, picture] = [join(folder, "scenes.jsonl"), join(folder, "pictures.png")];
  writeFileSync(list, scenes.map((scene) => `${JSON.stringify(scene)}\n`).join(""));
  await promisify(execFile)(python!, [join(packageRoot, "train", "world.py"), list, picture]);
  await compare(t, scenes, picture);
});
