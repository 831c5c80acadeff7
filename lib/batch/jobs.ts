import { isAbsolute, join } from "node:path";
import { checkNames, optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import { image } from "../image/index.js";
import { GENERATION_NAMES } from "../model/options.js";
import { PROMPT_NAMES } from "../model/prompt.js";
import { objectOf } from "../openai/fields.js";
import { chatRequest, completionRequest, type ImageResolver } from "../openai/request.js";
import { IdSet } from "./id-set.js";
import type { Line } from "./lines.js";
import type { BatchRequest } from "./types.js";

type Fields = Record<string, unknown>;

/** In which form a line is answered: its own fields, or OpenAI's batch output. */
export type AnswerForm = "plain" | "chat" | "completion";

/** A line of the input, read: a request, or what is wrong with it. */
export interface Job {
  line: number;
  /** As which the answer names the line: `id` or `custom_id`; undefined if the line has none. */
  id: string | number | undefined;
  form: AnswerForm;
  request: BatchRequest | HoneybeeError;
}

export interface JobOptions {
  /** Where relative paths of images begin. */
  folder: string;
  /** Generation and prompt options of lines that do not give their own; `raw`: prompts exactly as given. */
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

/** Reads lines of a batch, one after another. An id that an earlier line has is refused. */
export class JobReader {
  private readonly ids = new IdSet();
  private readonly utf8 = new TextDecoder("utf-8", { fatal: true });

  constructor(private readonly options: JobOptions) {}

  /** @returns undefined for a blank line */
  read({ number: line, bytes }: Line): Job | undefined {
    const job: Job = { line, id: undefined, form: "plain", request: optionError("") };
    try {
      if (!bytes) throw optionError("the line is too long to be read");
      const text = this.decode(bytes).trim();
      if (text === "") return undefined;
      const fields = objectOf(parse(text), "a line");
      const isPlain = !("custom_id" in fields) && !("body" in fields);
      const id = isPlain ? fields.id : fields.custom_id;
      if (typeof id === "string" || Number.isFinite(id)) job.id = id as string | number;
      if (!isPlain) job.form = ENDPOINTS[String(fields.url)] ?? "chat";
      this.checkId(job, isPlain ? "id" : "custom_id", id);
      job.request = isPlain ? this.plain(fields) : this.openai(fields, job.form);
    } catch (error) {
      if (!(error instanceof HoneybeeError)) throw error;
      job.request = error;
    }
    return job;
  }

  private decode(bytes: Buffer): string {
    try {
      return this.utf8.decode(bytes);
    } catch {
      throw optionError("the line is not UTF-8");
    }
  }

  private checkId(job: Job, name: string, id: unknown): void {
    if (job.id === undefined) {
      throw optionError(id === undefined ? `${name} is missing` : `${name} must be a text or a number`);
    }
    const earlier = this.ids.add(job.id, job.line);
    if (earlier !== undefined) {
      throw optionError(`line ${job.line} has the ${name} ${JSON.stringify(job.id)} of line ${earlier}`);
    }
  }

  /** `{id, images, prompt}` with options beside: what `honeybee run` does with them. */
  private plain(fields: Fields): BatchRequest {
    checkNames(fields, PLAIN_NAMES, "option");
    const { defaults } = this.options;
    const { prompt, images = [], raw = defaults.raw ?? false, id: _, ...options } = fields;
    if (typeof prompt !== "string") throw optionError(`prompt must be a text, not ${JSON.stringify(prompt)}`);
    if (!Array.isArray(images) || !images.every((path) => typeof path === "string"))
      throw optionError("images must be an array of paths or data: URLs");
    if (typeof raw !== "boolean") throw optionError("raw must be true or false");
    const sources = images.map(this.imageOf);
    const { raw: _raw, ...others } = defaults;
    if (!raw) {
      const content = [...sources.map((source) => image(source as string)), prompt];
      return { ...others, ...options, messages: [{ role: "user", content }] };
    }
    const { template: _template, system: _system, ...rawDefaults } = others;
    return { ...rawDefaults, ...options, prompt, images: sources };
  }

  private openai(fields: Fields, form: AnswerForm): BatchRequest {
    const { method = "POST", url, body } = fields;
    if (method !== "POST") throw optionError(`method must be "POST", not ${JSON.stringify(method)}`);
    if (!Object.hasOwn(ENDPOINTS, String(url))) {
      throw optionError(
        `url must be one of ${Object.keys(ENDPOINTS).join(", ")}, not ${JSON.stringify(url)}`,
      );
    }
    const { raw: _, ...others } = this.options.defaults;
    if (form === "chat") return { ...others, ...chatRequest(body, this.imageOf) };
    const { template: _template, system: _system, ...rawDefaults } = others;
    return { ...rawDefaults, ...completionRequest(body, this.imageOf) };
  }

  /** Paths are relative to the input file; URLs of other machines are refused where images are read. */
  private readonly imageOf: ImageResolver = (source) =>
    isAbsolute(source) || /^[a-z][a-z0-9+.-]+:/i.test(source) ? source : join(this.options.folder, source);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw optionError(`the line is not JSON: ${(error as Error).message}`);
  }
}
