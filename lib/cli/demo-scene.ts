import { type Atlas, loadAtlas, type Scene, sceneOf } from "../data/index.js";
import { checkSceneOptions } from "../data/world/generate.js";
import { pictureOf } from "../demo/answers.js";
import { writePng } from "./picture/write.js";
import { writeJson } from "./terminal.js";

export interface DemoSceneFlags {
  seed?: number;
  size?: number;
  json?: boolean;
}

/** Side of scenes that are shown to people, in pixels. */
const SHOWN_SIDE = 224;

/** A new scene as it is shown to people. */
export function shownScene(seed: number, atlas: Atlas): Scene {
  return sceneOf(seed, atlas, { size: SHOWN_SIDE });
}

export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

/** `honeybee demo-scene`: a picture of the demo model's world that it has not been trained on. */
export async function demoScene(out: string, flags: DemoSceneFlags): Promise<void> {
  const { seed = anySeed(), size: side = SHOWN_SIDE } = flags;
  checkSceneOptions(seed, { size: side }); // before a second goes into the atlas
  const atlas = await loadAtlas();
  const scene = sceneOf(seed, atlas, { size: side });
  await writePng(pictureOf(scene, atlas), out);
  if (flags.json) writeJson(scene);
  else {
    const count = scene.objects.length;
    process.stdout.write(`${out}: scene ${seed}, ${count} object${count === 1 ? "" : "s"}\n`);
  }
}
