import { createHash } from "node:crypto";
import type { GenerationResult } from "../model/generation.js";
import type { Model } from "../model/model.js";
import { chatCompletion, errorBody, textCompletion } from "../openai/response.js";
import type { Job } from "./jobs.js";

type Failure = { code: string; message: string };
type Result = (GenerationResult & { error?: undefined }) | { error: Failure };

/** What an answer has to know of what was asked. */
export type Asked = Pick<Job, "line" | "id" | "form">;

/** The output line of a job, without its end. */
export function answerLine(job: Asked, result: Result, model: Pick<Model, "info" | "tokenizer">): string {
  return JSON.stringify(answerOf(job, result, model));
}

/** The answer to a job in the form in which it was asked. */
export function answerOf(job: Asked, result: Result, model: Pick<Model, "info" | "tokenizer">): object {
  const name = job.id === undefined ? { line: job.line } : { id: job.id };
  if (job.form === "plain") return { ...name, ...plainAnswer(result) };
  const { id, ...line } = { id: undefined, ...name };
  return {
    id: `batch_req_${short(job)}`,
    custom_id: id ?? null,
    ...line,
    ...openaiAnswer(job, result, model),
  };
}

function plainAnswer(result: Result) {
  if (result.error) return { error: result.error };
  const { text, tokens, finishReason, usage, logprobs, promptLogprobs, choices } = result;
  const more = {
    ...(logprobs && { logprobs }),
    ...(promptLogprobs && { promptLogprobs }),
    ...(choices.length > 1 && { choices }),
  };
  return { text, tokens, finishReason, usage, ...more };
}

/** The form of OpenAI's batch output; a refused request has `error` beside the response of an HTTP server. */
function openaiAnswer(job: Asked, result: Result, { info, tokenizer }: Pick<Model, "info" | "tokenizer">) {
  const request_id = `req_${short(job)}`;
  if (result.error) {
    const { code, message } = result.error;
    const response = { status_code: 400, request_id, body: errorBody(code, message) };
    return { response, error: { code, message } };
  }
  const isChat = job.form === "chat";
  const head = {
    id: `${isChat ? "chatcmpl" : "cmpl"}-${short(job)}`,
    created: Math.floor(Date.now() / 1000),
    model: info.model,
  };
  const body = (isChat ? chatCompletion : textCompletion)(head, result, tokenizer);
  return { response: { status_code: 200, request_id, body }, error: null };
}

/** The same for the same line of the same batch. */
function short({ line, id }: Asked): string {
  return createHash("sha256").update(`${line} ${id}`).digest("hex").slice(0, 24);
}
