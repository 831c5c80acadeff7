import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadSharp } from "../../image/sharp.js";
import { Random } from "../random.js";
import type { Atlas } from "./atlas.js";
import { captionOf } from "./captions.js";
import { Facts } from "./facts.js";
import { sceneOf } from "./generate.js";
import { renderScene } from "./render.js";
import type { Scene, Split } from "./scene.js";
import { ASK } from "./tasks.js";

export interface ExportOptions {
  /** Pictures. */
  count: number;
  /** Default 0. */
  seed?: number;
  /** Default "train". */
  split?: Split;
  /** Side in pixels; default: several. */
  size?: number;
}

const VQA_TASKS = ["existence", "naming", "counting", "colour", "position", "relation", "reading"] as const;

/**
 * Writes pictures of the world and what there is to say of them as VQAv2, RefCOCO and LLaVA-150K lay out their files,
 * for trainers that read those: `VQAv2/`, `refcoco/annotations/` and `llava/` in `folder`. Pictures are JPEG files with
 * COCO's names in `VQAv2/images`, and RefCOCO's and LLaVA's are the same files.
 */
export async function exportWorld(folder: string, atlas: Atlas, options: ExportOptions): Promise<void> {
  const { count, seed = 0, split = "train", size } = options;
  const images = join(folder, "VQAv2", "images");
  const refcoco = join(folder, "refcoco", "annotations");
  const llava = join(folder, "llava");
  for (const path of [images, refcoco, llava]) await mkdir(path, { recursive: true });
  const records = new Records();
  for (let id = 0; id < count; id++) {
    const scene = sceneOf(seed + id, atlas, { split, ...(size !== undefined && { size }) });
    const file = `COCO_train2014_${String(id).padStart(12, "0")}.jpg`;
    await writePicture(join(images, file), scene, atlas);
    records.add(id, file, new Facts(scene, atlas), new Random(seed + id, 300));
  }
  const files: [path: string, value: unknown][] = [
    [join(folder, "VQAv2", "v2_OpenEnded_mscoco_train2014_questions.json"), { questions: records.questions }],
    [join(folder, "VQAv2", "v2_mscoco_train2014_annotations.json"), { annotations: records.answers }],
    [join(refcoco, "finetune_refcoco_train.json"), { images: records.phrases, annotations: records.boxes }],
    [join(llava, "detail_23k.json"), records.dialogues],
  ];
  for (const [path, value] of files) await writeFile(path, JSON.stringify(value));
}

async function writePicture(path: string, scene: Scene, atlas: Atlas): Promise<void> {
  const sharp = await loadSharp();
  const raw = { width: scene.size, height: scene.size, channels: 3 } as const;
  await sharp(renderScene(scene, atlas), { raw }).jpeg({ quality: 95 }).toFile(path);
}

/** The records of all files, with the fields that their readers look at. */
class Records {
  readonly questions: object[] = [];
  readonly answers: object[] = [];
  readonly phrases: object[] = [];
  readonly boxes: object[] = [];
  readonly dialogues: object[] = [];

  add(image_id: number, file_name: string, facts: Facts, random: Random): void {
    for (const task of VQA_TASKS) {
      const turn = ASK[task](facts, random, {});
      if (turn === null) continue;
      const question_id = this.questions.length;
      this.questions.push({ image_id, question_id, question: turn.question });
      this.answers.push({ image_id, question_id, multiple_choice_answer: turn.answer });
    }
    for (const thing of facts.single) {
      const [{ box }] = thing.members as [Scene["objects"][0]];
      const id = this.phrases.length;
      this.phrases.push({ id, file_name, width: facts.size, height: facts.size, caption: thing.phrase });
      this.boxes.push({ id, image_id: id, bbox: [box[0], box[1], box[2] - box[0], box[3] - box[1]] });
    }
    const conversations = [
      { from: "human", value: "<image>\nDescribe the picture." },
      { from: "gpt", value: captionOf(facts, random) },
    ];
    this.dialogues.push({ id: String(image_id), image: file_name, conversations });
  }
}
