import { join } from "node:path";
import { HoneybeeError } from "../../errors.js";
import { boxText } from "../../prompt/index.js";
import { TemplateDataset } from "../dataset.js";
import type { Deduplication } from "../examples.js";
import type { ImageExample } from "../items.js";
import { Problems } from "../problems.js";
import { type DataRecord, readRecord } from "../records.js";

/** Name in the template set, by the name that the files have. */
const TEMPLATES = { refcoco: "refcoco", "refcoco+": "refcocop", refcocog: "refcocog" } as const;

export type RefCocoName = keyof typeof TEMPLATES;

export interface RefCocoOptions {
  /** Expressions of a dialogue; default 1. */
  turns?: number;
  /** Of the boxes; default 3. */
  decimals?: number;
  /** Default: none, as released. */
  deduplication?: Deduplication;
}

/**
 * RefCOCO, RefCOCO+ or RefCOCOg as MDETR prepared them: `finetune_{name}_train.json` in `annotations`, pictures (COCO
 * train2014) in `images`. Half of the accesses ask for the box of an expression, half for an expression of the box.
 *
 * @throws HoneybeeError ERR_OPTION if the file is missing or malformed, or an annotation is of no picture
 */
export async function openRefCoco(
  name: RefCocoName,
  annotations: string,
  images: string,
  options: RefCocoOptions = {},
): Promise<TemplateDataset> {
  const { turns = 1, decimals = 3, deduplication } = options;
  if (!Object.hasOwn(TEMPLATES, name)) {
    const known = Object.keys(TEMPLATES).join(", ");
    throw new HoneybeeError("ERR_OPTION", `the dataset must be one of ${known}, not ${JSON.stringify(name)}`);
  }
  const file = await readRecord(join(annotations, `finetune_${name}_train.json`));
  const pictures = new Map(file.records("images").map((record) => [record.integer("id"), record]));
  const problems = new Problems();
  const examples = file.records("annotations").map((record): ImageExample => {
    const picture = pictures.get(record.integer("image_id"));
    if (picture === undefined) {
      throw new HoneybeeError(
        "ERR_OPTION",
        `${record.where}: there is no image ${record.integer("image_id")}`,
      );
    }
    const phrase = picture.text("caption");
    if (phrase === "") problems.add("empty expression", picture.where);
    const bbox = boxOf(record, picture, decimals, problems);
    return { image: join(images, picture.text("file_name")), example: { phrase, bbox } };
  });
  return new TemplateDataset(TEMPLATES[name], examples, { turns, deduplication, problems, patterns: 2 });
}

function boxOf(record: DataRecord, picture: DataRecord, decimals: number, problems: Problems): string {
  const [x, y, width, height] = record.numbers("bbox", 4) as [number, number, number, number];
  const size = { width: picture.integer("width"), height: picture.integer("height") };
  if (size.width < 1 || size.height < 1) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `${picture.where}: a picture of ${size.width}×${size.height} pixels`,
    );
  }
  if (width <= 0 || height <= 0) problems.add("box without area", record.where);
  const isInside = x >= 0 && y >= 0 && x + width <= size.width && y + height <= size.height;
  if (!isInside) problems.add("box outside the picture", record.where);
  return boxText({ x, y, width, height }, size, decimals);
}
