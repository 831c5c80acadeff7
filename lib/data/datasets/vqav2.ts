import { join } from "node:path";
import { HoneybeeError } from "../../errors.js";
import { TemplateDataset } from "../dataset.js";
import type { Deduplication } from "../examples.js";
import type { ImageExample } from "../items.js";
import { Problems } from "../problems.js";
import { readRecord } from "../records.js";

export interface VqaOptions {
  /** Questions of a dialogue; default 10. */
  turns?: number;
  /** Default: none, as released. */
  deduplication?: Deduplication;
}

/**
 * VQAv2's training set: `v2_OpenEnded_mscoco_train2014_questions.json` and `v2_mscoco_train2014_annotations.json` in
 * `root`, pictures in `root/images`. The answer is `multiple_choice_answer`.
 *
 * @throws HoneybeeError ERR_OPTION if a file is missing or malformed, or a question has no annotation
 */
export async function openVqa(root: string, options: VqaOptions = {}): Promise<TemplateDataset> {
  const questionFile = join(root, "v2_OpenEnded_mscoco_train2014_questions.json");
  const answerFile = join(root, "v2_mscoco_train2014_annotations.json");
  const [questions, annotations] = await Promise.all([readRecord(questionFile), readRecord(answerFile)]);
  const answers = new Map(
    annotations
      .records("annotations")
      .map((record) => [record.integer("question_id"), record.text("multiple_choice_answer")]),
  );
  const problems = new Problems();
  const examples = questions.records("questions").map((record): ImageExample => {
    const id = record.integer("question_id");
    const answer = answers.get(id);
    if (answer === undefined) {
      throw new HoneybeeError(
        "ERR_OPTION",
        `${record.where}: ${answerFile} has no annotation of question ${id}`,
      );
    }
    if (answer === "") problems.add("empty answer", record.where);
    const number = String(record.integer("image_id")).padStart(12, "0");
    const image = join(root, "images", `COCO_train2014_${number}.jpg`);
    return { image, example: { question: record.text("question"), answer } };
  });
  return new TemplateDataset("vqa", examples, { turns: 10, ...options, problems });
}
