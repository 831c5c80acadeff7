import { readFileSync } from "node:fs";
import sharp from "sharp";
import t, { type Test } from "tap";
import { loadAtlas, renderScene, type Scene } from "../lib/data/index.js";
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
