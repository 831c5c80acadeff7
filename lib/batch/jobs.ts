import { isAbsolute, join } from "node:path";
import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import { objectOf } from "../openai/fields.js";
import { IdSet } from "./id-set.js";
import type { Line } from "./lines.js";
import { type AnswerForm, describeFields, type RequestOptions, readRequest } from "./request.js";
import type { BatchRequest } from "./types.js";

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
  defaults: RequestOptions["defaults"];
}

/** Reads lines of a batch, one after another. An id that an earlier line has is refused. */
export class JobReader {
  private readonly ids = new IdSet();
  private readonly utf8 = new TextDecoder("utf-8", { fatal: true });
  private readonly options: RequestOptions;

  constructor({ folder, defaults }: JobOptions) {
    // Paths are relative to the input file; URLs of other machines are refused where images are read.
    const imageOf = (source: string) =>
      isAbsolute(source) || /^[a-z][a-z0-9+.-]+:/i.test(source) ? source : join(folder, source);
    this.options = { imageOf, defaults };
  }

  /** @returns undefined for a blank line */
  read({ number: line, bytes }: Line): Job | undefined {
    const job: Job = { line, id: undefined, form: "plain", request: optionError("") };
    try {
      if (!bytes) throw optionError("the line is too long to be read");
      const text = this.decode(bytes).trim();
      if (text === "") return undefined;
      const fields = objectOf(parse(text), "a line");
      const { form, idField, id } = describeFields(fields);
      job.form = form;
      if (typeof id === "string" || Number.isFinite(id)) job.id = id as string | number;
      this.checkId(job, idField, id);
      job.request = readRequest(fields, form, this.options);
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
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw optionError(`the line is not JSON: ${(error as Error).message}`);
  }
}
