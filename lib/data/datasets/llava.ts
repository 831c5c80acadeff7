import { join } from "node:path";
import { renderLlavaDialogue, type Utterance } from "../../prompt/index.js";
import { checkIndex, type Dataset, type TrainingText } from "../dataset.js";
import { type Problem, Problems } from "../problems.js";
import { type DataRecord, readRecords } from "../records.js";

/** Whole dialogues, in the order of their files. */
class DialogueDataset implements Dataset {
  readonly name = "llava150k";

  constructor(
    private readonly texts: readonly TrainingText[],
    private readonly trouble: Problems,
  ) {}

  get length(): number {
    return this.texts.length;
  }

  get problems(): Problem[] {
    return this.trouble.list();
  }

  get(index: number): TrainingText {
    checkIndex(this, index);
    return this.texts[index]!;
  }
}

/**
 * LLaVA-150K: files such as `complex_reasoning_77k.json`, pictures (COCO train2017) in `images`.
 *
 * @throws HoneybeeError ERR_OPTION if a file is missing or malformed
 */
export async function openLlava(files: readonly string[], images: string): Promise<Dataset> {
  const problems = new Problems();
  const records = await Promise.all(files.map(readRecords));
  const texts = records.flat().map((record): TrainingText => {
    const utterances = record.records("conversations").map(utteranceOf);
    for (const { from, value } of utterances) {
      if (from === "gpt" && value === "") problems.add("empty answer", record.where);
    }
    return { image: join(images, record.text("image")), text: renderLlavaDialogue(utterances) };
  });
  return new DialogueDataset(texts, problems);
}

const utteranceOf = (record: DataRecord): Utterance => ({
  from: record.text("from"),
  value: record.text("value"),
});
