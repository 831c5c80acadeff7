import { checkNames, optionError } from "../check.js";
import { image } from "../image/index.js";
import { GENERATION_NAMES } from "../model/options.js";
import { PROMPT_NAMES } from "../model/prompt.js";
import { chatRequest, completionRequest, type ImageResolver } from "../openai/request.js";
import type { BatchRequest } from "./types.js";

export type Fields = Record<string, unknown>;

/** In which form a request is answered: its own fields, or OpenAI's batch output. */
export type AnswerForm = "plain" | "chat" | "completion";

export interface RequestOptions {
  /** What the text that stands for an image means. */
  imageOf: ImageResolver;
  /** Generation and prompt options of requests that do not give their own; `raw`: prompts exactly as given. */
  defaults: Fields & { raw?: boolean };
}

const PLAIN_NAMES = [
  "id",
  "images",
  "prompt",
  "raw",
  ...PROMPT_NAMES,
  ...GENERATION_NAMES.filter((name) => name !== "signal"),
];
const ENDPOINTS: Record<string, AnswerForm> = {
  "/v1/chat/completions": "chat",
  "/v1/completions": "completion",
};

/** The form that the fields of a request have, and the name that they give it, whatever type that is. */
export function describeFields(fields: Fields): {
  form: AnswerForm;
  idField: "id" | "custom_id";
  id: unknown;
} {
  if (!("custom_id" in fields) && !("body" in fields)) return { form: "plain", idField: "id", id: fields.id };
  return { form: ENDPOINTS[String(fields.url)] ?? "chat", idField: "custom_id", id: fields.custom_id };
}

/** @throws HoneybeeError ERR_OPTION naming the field at fault; what `imageOf` throws */
export function readRequest(fields: Fields, form: AnswerForm, options: RequestOptions): BatchRequest {
  return form === "plain" ? plain(fields, options) : openai(fields, form, options);
}

/** `{id, images, prompt}` with options beside: what `honeybee run` does with them. */
function plain(fields: Fields, { imageOf, defaults }: RequestOptions): BatchRequest {
  checkNames(fields, PLAIN_NAMES, "option");
  const { prompt, images = [], raw = defaults.raw ?? false, id: _, ...options } = fields;
  if (typeof prompt !== "string") throw optionError(`prompt must be a text, not ${JSON.stringify(prompt)}`);
  if (!Array.isArray(images) || !images.every((path) => typeof path === "string"))
    throw optionError("images must be an array of paths or data: URLs");
  if (typeof raw !== "boolean") throw optionError("raw must be true or false");
  const sources = images.map(imageOf);
  const { raw: _raw, ...others } = defaults;
  if (!raw) {
    const content = [...sources.map((source) => image(source as string)), prompt];
    return { ...others, ...options, messages: [{ role: "user", content }] };
  }
  const { template: _template, system: _system, ...rawDefaults } = others;
  return { ...rawDefaults, ...options, prompt, images: sources };
}

function openai(fields: Fields, form: AnswerForm, { imageOf, defaults }: RequestOptions): BatchRequest {
  const { method = "POST", url, body } = fields;
  if (method !== "POST") throw optionError(`method must be "POST", not ${JSON.stringify(method)}`);
  if (!Object.hasOwn(ENDPOINTS, String(url))) {
    throw optionError(`url must be one of ${Object.keys(ENDPOINTS).join(", ")}, not ${JSON.stringify(url)}`);
  }
  const { raw: _, ...others } = defaults;
  if (form === "chat") return { ...others, ...chatRequest(body, imageOf) };
  const { template: _template, system: _system, ...rawDefaults } = others;
  return { ...rawDefaults, ...completionRequest(body, imageOf) };
}
