import { HoneybeeError } from "../errors.js";
import { IMAGE_TAG, stripPython } from "./text.js";

export interface ScienceQuestion {
  question: string;
  context: string;
  options: string[];
}

export interface ScienceAnswer {
  lecture: string | null;
  solution: string | null;
  /** As written, "A." */
  answer: string;
  /** From 0. */
  answerIndex: number;
}

/**
 * Takes the human's text of a ScienceQA record apart:
 * `question⏎Context: context⏎Options: (A) one (B) two`, with `<image>` perhaps at the end.
 *
 * @throws HoneybeeError ERR_OPTION if it has another form
 */
export function parseScienceQuestion(text: string): ScienceQuestion {
  const match = /^([\s\S]*?)\nContext: ([\s\S]*?)\nOptions: ([\s\S]*)$/.exec(text);
  if (match === null) throw malformed("question", "question⏎Context: …⏎Options: (A) …", text);
  const [, question, context, list] = match as unknown as [string, string, string, string];
  const options = stripPython(list.replaceAll(IMAGE_TAG, "")).split(/\([A-Z]\)/);
  return { question, context, options: options.slice(1).map(stripPython) };
}

/**
 * Takes the AI's text of a ScienceQA record apart: `LECTURE: …⏎SOLUTION: …⏎###⏎ANSWER: A.`, of which the first
 * two may be missing.
 *
 * @throws HoneybeeError ERR_OPTION if it has another form
 */
export function parseScienceAnswer(text: string): ScienceAnswer {
  const match = /^(?:LECTURE: ([\s\S]*?))?(?:SOLUTION: ([\s\S]*?))?###\nANSWER: (([A-Z])\.?)/.exec(text);
  if (match === null) throw malformed("answer", "###⏎ANSWER: A.", text);
  const [, lecture, solution, answer, letter] = match;
  return {
    lecture: lecture ?? null,
    solution: solution ?? null,
    answer: answer!,
    answerIndex: letter!.charCodeAt(0) - "A".charCodeAt(0),
  };
}

function malformed(what: string, expected: string, text: string): HoneybeeError {
  const found = JSON.stringify(text.slice(0, 80));
  return new HoneybeeError(
    "ERR_OPTION",
    `a ScienceQA ${what} should look like "${expected}", found ${found}`,
  );
}
