import { join } from "node:path";
import { TemplateDataset } from "../dataset.js";
import type { Deduplication } from "../examples.js";
import type { ImageExample } from "../items.js";
import { Problems } from "../problems.js";
import { readRecordMap } from "../records.js";

export interface GqaOptions {
  /** Questions of a dialogue; default 10. */
  turns?: number;
  /** Default: by answer, as released; null for none. */
  deduplication?: Deduplication | null;
}

/**
 * GQA's balanced training set: `annotations/train_balanced_questions_minimal.json` in `root`, pictures in
 * `root/images`.
 *
 * @throws HoneybeeError ERR_OPTION if the file is missing or malformed
 */
export async function openGqa(root: string, options: GqaOptions = {}): Promise<TemplateDataset> {
  const { turns = 10, deduplication = { key: "answer" } } = options;
  const records = await readRecordMap(join(root, "annotations", "train_balanced_questions_minimal.json"));
  const problems = new Problems();
  const examples = records.map((record): ImageExample => {
    const answer = record.text("answer");
    if (answer === "") problems.add("empty answer", record.where);
    const image = join(root, "images", `${record.id("imageId")}.jpg`);
    const example = { question: record.text("question"), answer, full_answer: record.text("fullAnswer") };
    return { image, example };
  });
  return new TemplateDataset("gqa", examples, { turns, deduplication: deduplication ?? undefined, problems });
}
