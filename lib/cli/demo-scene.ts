import { loadAtlas, renderScene, sceneOf } from "../data/index.js";
import { checkSceneOptions } from "../data/world/generate.js";
import { HoneybeeError } from "../errors.js";
import { loadSharp } from "../image/sharp.js";
import { writeJson } from "./terminal.js";

export interface DemoSceneFlags {
  seed?: number;
  size?: number;
  json?: boolean;
}

/** `honeybee demo-scene`: a picture of the demo model's world that it has not been trained on. */
export async function demoScene(out: string, flags: DemoSceneFlags): Promise<void> {
  const { seed = Math.floor(Math.random() * 2 ** 32), size: side = 224 } = flags;
  checkSceneOptions(seed, { size: side }); // before a second goes into the atlas
  const atlas = await loadAtlas();
  const scene = sceneOf(seed, atlas, { size: side });
  const sharp = await loadSharp();
  const { size } = scene;
  try {
    const raw = { width: size, height: size, channels: 3 } as const;
    await sharp(renderScene(scene, atlas), { raw }).png().toFile(out);
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new HoneybeeError("ERR_IMAGE", `${out} cannot be written: ${reason}`, { cause: error });
  }
  if (flags.json) writeJson(scene);
  else {
    const count = scene.objects.length;
    process.stdout.write(`${out}: scene ${seed}, ${count} object${count === 1 ? "" : "s"}\n`);
  }
}
