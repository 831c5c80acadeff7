import { randomBytes } from "node:crypto";
import { optionError } from "../check.js";
import type { GenerationResult } from "../model/generation.js";
import { PROMPT_NAMES } from "../model/prompt.js";
import { objectOf } from "../openai/fields.js";
import { LogprobTeller } from "../openai/logprobs.js";
import type { AnswerForm } from "./answer.js";
import { type ErrorForm, HttpError, openaiError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { bounded, chatFields, type Fields, flag, modelBody, responseHead, withoutTools } from "./request.js";
import type { Service } from "./service.js";
import type { StreamEvent } from "./sse.js";

/** What would need a memory of earlier requests, or something else that is not here. */
const REFUSED = ["previous_response_id", "conversation", "background", "reasoning", "prompt"];
/** Fields that say nothing about the answer itself. */
const IGNORED = ["truncation", "max_tool_calls", "stream_options", "prompt_cache_retention"];
const LOGPROBS = "message.output_text.logprobs";

/** The event by which a stream fails carries what a body would. */
export const responsesError: ErrorForm = (error) => {
  const body = openaiError(error) as { error: object };
  return { ...body, ...body.error, type: "error" };
};

/** POST /v1/responses: OpenAI's newer form, without anything kept between requests. */
export function responses(exchange: Exchange, service: Service): Promise<void> {
  return service.answer(exchange, async (body) => {
    const { stream, ...fields } = modelBody(body, service);
    const chat = chatBody(fields);
    const read = await service.images.resolve(exchange, (imageOf) => chatFields(chat, imageOf));
    const { request, n, count } = bounded(read, ["messages", ...PROMPT_NAMES], exchange);
    if (n !== 1) throw optionError(`n must be 1 here, not ${n}`);
    const { model } = service;
    const { instructions = null, temperature = null, top_p = null, text, metadata = {} } = fields;
    const settings = {
      instructions,
      max_output_tokens: fields.max_output_tokens ?? null,
      metadata,
      temperature,
      top_p,
      text: text ?? { format: { type: "text" } },
    };
    return {
      begin: () => model.chat(request),
      count,
      form: responseForm(service, settings),
      streams: flag("stream", stream),
    };
  });
}

/** The same request as a body of chat completions. */
function chatBody(body: Fields): Fields {
  const fields = withoutTools(body);
  const { input, instructions, max_output_tokens: maxTokens, text, include, ...rest } = fields;
  for (const name of REFUSED) {
    if (rest[name])
      throw new HttpError(400, `unsupported_${name}`, `${name} is not supported here; leave it out`);
    delete rest[name];
  }
  for (const name of IGNORED) delete rest[name];
  const included = include ?? [];
  if (!Array.isArray(included)) throw optionError("include must be an array of texts");
  const wantsLogprobs = included.includes(LOGPROBS) || Boolean(rest.top_logprobs);
  return {
    ...rest,
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(wantsLogprobs && { logprobs: true }),
    ...responseFormat(text),
    messages: conversation(input, instructions),
  };
}

/** Messages of the conversation; what the system says first is one message. */
function conversation(input: unknown, instructions: unknown): Fields[] {
  const items = typeof input === "string" ? [{ role: "user", content: input }] : input;
  if (!Array.isArray(items)) throw optionError("input must be a text or an array of messages");
  const told = items.map((item, i) => message(item, `input[${i}]`));
  if (instructions === undefined || instructions === null) return told;
  if (typeof instructions !== "string") throw optionError("instructions must be a text");
  const [first, ...others] = told;
  if (first?.role !== "system") return [{ role: "system", content: instructions }, ...told];
  const before = [instructions, ...(Array.isArray(first.content) ? first.content : [first.content])];
  return [{ role: "system", content: before }, ...others];
}

function message(item: unknown, at: string): Fields {
  const { type = "message", role, content } = objectOf(item, at);
  if (type !== "message") throw optionError(`${at}.type must be "message", not ${JSON.stringify(type)}`);
  return {
    role: role === "developer" ? "system" : role,
    content: Array.isArray(content)
      ? content.map((part, i) => contentPart(part, `${at}.content[${i}]`))
      : content,
  };
}

function contentPart(value: unknown, at: string): object {
  const { type, text, image_url: url } = objectOf(value, at);
  if (type === "input_text" || type === "output_text") return { type: "text", text };
  if (type === "input_image" && typeof url === "string") return { type: "image_url", image_url: { url } };
  if (type === "input_image")
    throw optionError(`${at}.image_url must be a text; uploaded files are not kept here`);
  throw optionError(
    `${at}.type must be "input_text", "input_image" or "output_text", not ${JSON.stringify(type)}`,
  );
}

function responseFormat(text: unknown): Fields {
  if (text === undefined || text === null) return {};
  const { format } = objectOf(text, "text");
  if (format === undefined || format === null) return {};
  const { type, ...schema } = objectOf(format, "text.format");
  if (type === "text") return {};
  return { response_format: type === "json_schema" ? { type, json_schema: schema } : { type, ...schema } };
}

function responseForm(service: Service, settings: object): AnswerForm {
  const { tokenizer } = service.model;
  const { id, created, model } = responseHead("resp_", service);
  const itemId = `msg_${randomBytes(12).toString("hex")}`;
  const teller = new LogprobTeller(tokenizer);
  const response = (status: string, output: object[], more: object = {}) => ({
    id,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: null,
    model,
    output,
    parallel_tool_calls: false,
    previous_response_id: null,
    store: false,
    tool_choice: "none",
    tools: [],
    truncation: "disabled",
    usage: null,
    ...settings,
    ...more,
  });
  const part = (text: string, logprobs: object[]) => ({
    type: "output_text",
    text,
    annotations: [],
    logprobs,
  });
  const item = (status: string, content: object[]) => ({
    type: "message",
    id: itemId,
    status,
    role: "assistant",
    content,
  });
  const complete = (result: GenerationResult) => {
    const isCut = result.finishReason === "length";
    const status = isCut ? "incomplete" : "completed";
    const content = part(result.text, new LogprobTeller(tokenizer).chat(result.logprobs ?? []));
    return {
      content,
      item: item(status, [content]),
      response: response(status, [item(status, [content])], {
        incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
        usage: responseUsage(result),
      }),
      status,
    };
  };
  let sequence = 0;
  const event = (type: string, data: object): StreamEvent => ({
    event: type,
    data: { type, sequence_number: sequence++, ...data },
  });
  const place = { item_id: itemId, output_index: 0, content_index: 0 };
  return {
    whole: (result) => complete(result).response,
    start: () => [
      event("response.created", { response: response("in_progress", []) }),
      event("response.in_progress", { response: response("in_progress", []) }),
      event("response.output_item.added", { output_index: 0, item: item("in_progress", []) }),
      event("response.content_part.added", { ...place, part: part("", []) }),
    ],
    piece: ({ text, logprobs }) =>
      text === "" && !logprobs
        ? []
        : [
            event("response.output_text.delta", {
              ...place,
              delta: text,
              logprobs: teller.chat(logprobs ?? []),
            }),
          ],
    end: (result) => {
      const told = complete(result);
      return [
        event("response.output_text.done", { ...place, text: result.text, logprobs: told.content.logprobs }),
        event("response.content_part.done", { ...place, part: told.content }),
        event("response.output_item.done", { output_index: 0, item: told.item }),
        event(`response.${told.status}`, { response: told.response }),
      ];
    },
  };
}

function responseUsage({ usage }: GenerationResult) {
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: { cached_tokens: usage.cachedTokens, image_tokens: usage.imageTokens },
    output_tokens: usage.completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: usage.promptTokens + usage.completionTokens,
  };
}
