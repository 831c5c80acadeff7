import { HoneybeeError } from "../errors.js";
import { renderTemplate } from "../prompt/index.js";
import { resolveExamples } from "./examples.js";
import { type BuildOptions, buildItems, type ImageExample, type Item } from "./items.js";
import type { Problem, Problems } from "./problems.js";
import type { Random } from "./random.js";

/** What one access to a dataset gives: a text to learn, and its picture. */
export interface TrainingText {
  /** Path of the picture; null for text alone. */
  image: string | null;
  /** System line, turns and answers, as `encodePrompt(..., { inference: false })` takes it. */
  text: string;
}

/** A dataset of which any item can be drawn. */
export interface Dataset {
  /** Its key in configurations: "vqa", "refcocog", ... */
  readonly name: string;
  readonly length: number;
  /** One access: what has several forms is drawn anew. @throws HoneybeeError ERR_OPTION for an index out of range */
  get(index: number, random: Random): TrainingText;
  /** What is wrong with the files, by kind. Such records are kept, as the reference code keeps them. */
  readonly problems: Problem[];
}

export function checkIndex(dataset: Dataset, index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < dataset.length) return;
  const range = `an integer from 0 to ${dataset.length - 1}`;
  throw new HoneybeeError(
    "ERR_OPTION",
    `the index into ${dataset.name} must be ${range}, not ${String(index)}`,
  );
}

/** Questions or expressions put into a row of the template set. */
export class TemplateDataset implements Dataset {
  readonly items: readonly Item[];
  readonly #problems: Problems;
  readonly #patterns: number;

  /** @param patterns how many forms the row has; one is drawn at each access, for all turns */
  constructor(
    readonly name: string,
    examples: Iterable<ImageExample>,
    options: BuildOptions & { problems: Problems; patterns?: number },
  ) {
    this.items = buildItems(examples, options);
    this.#problems = options.problems;
    this.#patterns = options.patterns ?? 1;
  }

  get length(): number {
    return this.items.length;
  }

  get problems(): Problem[] {
    return this.#problems.list();
  }

  get(index: number, random: Random): TrainingText {
    checkIndex(this, index);
    const { image, examples } = this.items[index]!;
    const turns = resolveExamples(examples, random);
    const pattern = random.below(this.#patterns);
    return { image, text: renderTemplate(this.name, turns, { pattern, image: image !== null }) };
  }
}
