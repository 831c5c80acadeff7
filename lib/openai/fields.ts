import { optionError } from "../check.js";
import { GENERATION_NAMES } from "../model/options.js";
import { nearest } from "../nearest.js";

type Fields = Record<string, unknown>;

/** Fields of OpenAI's that say nothing about the answer itself. */
const IGNORED = [
  "model",
  "user",
  "metadata",
  "store",
  "service_tier",
  "safety_identifier",
  "prompt_cache_key",
];

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Options that are no fields: read by the caller, or with results that have no place in OpenAI's answers. */
const OTHERS: readonly string[] = ["signal", "logprobs", "promptLogprobs"];

/** OpenAI's name of each generation option; those that OpenAI lacks are spelled the same way. */
const OPTIONS = new Map(
  GENERATION_NAMES.filter((name) => !OTHERS.includes(name)).map((name) => [snake(name), name]),
);
OPTIONS.set("max_completion_tokens", "maxTokens");

/** The names of generation options in a body. */
export const OPTION_FIELDS: readonly string[] = [...OPTIONS.keys()];

/**
 * The generation options of a request body in OpenAI's form; `null` is as good as absent.
 *
 * @param body the fields that the caller did not read itself
 * @throws HoneybeeError ERR_OPTION naming a field that is unknown or cannot be granted
 */
export function generationFields(body: Fields): Fields {
  const options: Fields = {};
  for (const [name, value] of Object.entries(body)) {
    if (value === null || value === undefined || IGNORED.includes(name)) continue;
    const option = OPTIONS.get(name);
    if (!option) {
      const known = [...OPTIONS.keys()];
      throw optionError(`unknown field "${name}"; did you mean "${nearest(name, known)}"?`);
    }
    options[option] = value;
  }
  return options;
}

/** @throws HoneybeeError ERR_OPTION unless it is an object */
export function objectOf(value: unknown, what: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw optionError(
    `${what} must be an object, not ${Array.isArray(value) ? "an array" : JSON.stringify(value)}`,
  );
}
