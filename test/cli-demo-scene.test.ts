import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import t from "tap";
import { loadAtlas, renderScene, sceneOf } from "../lib/data/index.js";
import { repositoryRoot } from "./support/paths.js";

const demoScene = (...args: string[]) => {
  const main = join(repositoryRoot, "dist", "lib", "cli", "main.js");
  return promisify(execFile)(process.execPath, [main, "demo-scene", ...args]);
};

t.test("demo-scene draws the scene of a seed", async (t) => {
  const out = join(t.testdir(), "scene.png");
  const scene = JSON.parse((await demoScene("--seed", "7", "--json", out)).stdout);
  const atlas = await loadAtlas();
  t.same(scene, sceneOf(7, atlas, { size: 224 }));
  const { data, info } = await sharp(out).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  t.same([info.width, info.height], [224, 224]);
  t.ok(data.equals(renderScene(scene, atlas)));
  const first = readFileSync(out);
  t.match(
    (await demoScene("--seed", "7", "--size", "144", out)).stdout,
    /scene\.png: scene 7, \d objects?\n$/,
  );
  t.notOk(readFileSync(out).equals(first));
});

t.test("demo-scene says what is wrong", async (t) => {
  const cases: [string[], number, RegExp][] = [
    [[], 2, /missing required argument 'out'/],
    [["--seed", "-1", "x.png"], 2, /seed must be an integer from 0/],
    [["--size", "9", "x.png"], 2, /size must be an integer from 144 to 224/],
    [["--seed", "1", join(t.testdir(), "no", "folder.png")], 1, /folder\.png cannot be written.*ERR_IMAGE/],
  ];
  for (const [args, code, stderr] of cases) await t.rejects(demoScene(...args), { code, stderr });
});
