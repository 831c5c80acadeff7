import { HoneybeeError } from "../errors.js";
import { BASE_SYSTEM, IMAGE_TAG } from "./text.js";

/** Values for the slots of a template, such as `{ question, answer }`. */
export type TemplateFields = Readonly<Record<string, string>>;

export interface TemplateOptions {
  /** Which of a row's patterns, from 0; REC rows have two: grounding, then captioning of a region. Default 0. */
  pattern?: number;
  /** Whether there is an image; false leaves its line out. Default true. */
  image?: boolean;
}

/** One way to ask: what the human says, and what the AI answers, with `{field}` slots. */
interface Pattern {
  readonly input: string;
  readonly target: string;
}

const WORD = "Answer the question using a single word or phrase.";
const LETTER = "Answer with the option's letter from the given choices directly.";
const YES_NO = "Please answer yes or no.";
const OPTIONS = "There are several options:\n{option}\n";
const GROUND = "Provide the bounding box coordinate of the region this sentence describes. {phrase}";
const REGION = "Provide a description for the region {bbox}";
const EXAMPLE = "Example: 'The large blue teddy bear";

const answered = (input: string): Pattern[] => [{ input, target: "{answer}" }];
const asked = (input: string): Pattern[] => [{ input, target: "" }];
const referring = (describe: string): Pattern[] => [
  { input: GROUND, target: "{bbox}" },
  { input: describe, target: "{phrase}" },
];

const SQA = `${LETTER} {question}\nContext: {context}\n${OPTIONS}`;

/** The released template set ("honeybee_default" of the Honeybee reference code; paper, Table 13). */
const CONVERSATIONS: Readonly<Record<string, readonly Pattern[]>> = {
  vqa: answered(`${WORD} {question}`),
  gqa: answered(`${WORD} {question}`),
  vsr: answered(`${WORD} {question_interro} ${YES_NO}`),
  kvqa: answered(`${WORD} {question}`),
  "vqa-o": answered(`${LETTER} {question}\n${OPTIONS}`),
  sqa: answered(SQA),
  loc: referring("Provide a short description for this region. {bbox}"),
  refcoco: referring(
    `${REGION}, utilizing positional words to refer to objects. ${EXAMPLE} next to the red balloon'`,
  ),
  refcocop: referring(
    `${REGION}, focusing on the appearance of objects without using positional words. ` +
      `${EXAMPLE} holding a red balloon.'`,
  ),
  refcocog: referring(
    `${REGION}, using detailed and descriptive expressions to refer to objects. ` +
      `${EXAMPLE} holding a red balloon with a joyful expression.'`,
  ),
  mme: asked(`${WORD} {question}`),
  mmb: asked(`${LETTER} {question}`),
  "eval-vqa": asked(`${WORD} {question}`),
  "eval-sqa": asked(SQA),
  "eval-refexploc": asked(GROUND),
  "eval-vsr": asked(`${WORD} {question_interro} ${YES_NO}`),
};

/** The row of the first training stage: a caption and nothing else. */
const CAPTIONING = "captioning";

/** Rows by the name of the dataset that uses them, where it differs. */
const DATASETS: Readonly<Record<string, string>> = {
  coyo100m: CAPTIONING,
  blip: CAPTIONING,
  textcaps: CAPTIONING,
  ocrvqa: "vqa",
  okvqa: "vqa",
  vgqa: "vqa",
  aokvqa: "vqa-o",
  vgloc: "loc",
  refexploc: "loc",
};

/** Every name that `renderTemplate` takes: rows, then datasets. */
export const TEMPLATE_NAMES: readonly string[] = Object.freeze([
  CAPTIONING,
  ...Object.keys(CONVERSATIONS),
  ...Object.keys(DATASETS),
]);

/**
 * Renders a prompt of the released template set. Values are inserted as they are. A conversation of several turns
 * repeats the instruction in each. A missing answer leaves the prompt open for the model ("\nAI: " at the end).
 *
 * @param name a row ("vqa", "sqa", "refcoco", "mmb", ...) or a dataset ("okvqa", "textcaps", ...)
 * @param fields values of the slots, one object for each turn
 * @throws HoneybeeError ERR_OPTION for an unknown name or pattern, or a missing field
 */
export function renderTemplate(
  name: string,
  fields: TemplateFields | readonly TemplateFields[],
  { pattern = 0, image = true }: TemplateOptions = {},
): string {
  const turns: readonly TemplateFields[] = Array.isArray(fields) ? fields : [fields as TemplateFields];
  const row = findRow(name);
  if (row === CAPTIONING) return renderCaption(name, turns, pattern, image);
  const { input, target } = patternOf(name, row, pattern);
  const lines = image ? [BASE_SYSTEM, `Human: ${IMAGE_TAG}`] : [BASE_SYSTEM];
  for (const values of turns) {
    lines.push(`Human: ${fill(name, input, values)}`, `AI: ${fill(name, target, values, "")}`);
  }
  return lines.join("\n");
}

/**
 * What the human says in one turn of a row, when all there is to say is one text: the question, or the phrase of a
 * row that asks for a place.
 *
 * @throws HoneybeeError ERR_OPTION for an unknown row, or one that needs more than a text
 */
export function renderTemplateInput(name: string, text: string): string {
  const row = findRow(name);
  if (row === CAPTIONING) throw new HoneybeeError("ERR_OPTION", `template ${name} has no turns`);
  const { input } = patternOf(name, row, 0);
  const slots = [...input.matchAll(SLOT)].map((match) => match[1]!);
  if (slots.length === 1) return fill(name, input, { [slots[0]!]: text });
  throw new HoneybeeError(
    "ERR_OPTION",
    `template ${name} needs the fields ${slots.join(", ")} and cannot be applied to one text; ` +
      "use renderTemplate and the raw prompt",
  );
}

/** Whether a name stands for the captioning row. */
export function isCaptioning(name: string): boolean {
  return name === CAPTIONING || (Object.hasOwn(DATASETS, name) && DATASETS[name] === CAPTIONING);
}

function findRow(name: string): string {
  const row = Object.hasOwn(DATASETS, name) ? DATASETS[name]! : name;
  if (row === CAPTIONING || Object.hasOwn(CONVERSATIONS, row)) return row;
  const known = TEMPLATE_NAMES.join(", ");
  throw new HoneybeeError("ERR_OPTION", `unknown template ${JSON.stringify(name)}; known: ${known}`);
}

function patternOf(name: string, row: string, index: number): Pattern {
  const patterns = CONVERSATIONS[row]!;
  const pattern = patterns[index];
  if (pattern !== undefined) return pattern;
  throw new HoneybeeError(
    "ERR_OPTION",
    `template ${name} has ${patterns.length} pattern${patterns.length === 1 ? "" : "s"}, so pattern must be ` +
      `below ${patterns.length}, not ${index}`,
  );
}

function renderCaption(
  name: string,
  turns: readonly TemplateFields[],
  pattern: number,
  image: boolean,
): string {
  if (turns.length !== 1 || pattern !== 0 || !image) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `template ${name} has one pattern and takes one turn with an image`,
    );
  }
  return `[NO_PROMPT] ${IMAGE_TAG} ${fill(name, "{caption}", turns[0]!, "")}`;
}

const SLOT = /\{(\w+)\}/g;

/** Fills the slots in one pass, so braces inside values stay. Without `missing` every field must be there. */
function fill(name: string, text: string, values: TemplateFields, missing?: string): string {
  return text.replace(SLOT, (_, field: string) => {
    const value = Object.hasOwn(values, field) ? values[field] : missing;
    if (typeof value === "string") return value;
    throw new HoneybeeError("ERR_OPTION", `template ${name} needs the field "${field}" as a string`);
  });
}
