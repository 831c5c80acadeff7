/** Marks where the visual tokens of an image go. */
export const IMAGE_TAG = "<image>";

/** The opening line of every templated prompt. */
export const BASE_SYSTEM = "The following is a conversation between a curious human and AI assistant.";
const DETAIL = "The assistant gives helpful, detailed, and polite answers to the user's questions.";
/** The opening line of untemplated conversations. */
export const MESSAGE_SYSTEM = `${BASE_SYSTEM} ${DETAIL}`;

/** Number of image tags in a prompt, each of which takes one image. */
export function countImages(prompt: string): number {
  return prompt.split(IMAGE_TAG).length - 1;
}

/** What Python's `str.strip` removes; `trim` knows four separators less, and U+FEFF besides. */
const PYTHON_SPACE =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const SURROUNDING_SPACE = new RegExp(`^${PYTHON_SPACE}+|${PYTHON_SPACE}+$`, "g");

/** Python's `str.strip()`. */
export function stripPython(text: string): string {
  return text.replace(SURROUNDING_SPACE, "");
}
