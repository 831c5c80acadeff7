import { optionError } from "../check.js";
import type { GenerationResult } from "../model/generation.js";
import { PROMPT_NAMES } from "../model/prompt.js";
import { objectOf } from "../openai/fields.js";
import type { AnswerForm } from "./answer.js";
import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { bounded, chatFields, type Fields, flag, modelBody, responseHead, withoutTools } from "./request.js";
import type { Service } from "./service.js";
import type { StreamEvent } from "./sse.js";

/** POST /v1/messages: Anthropic's form of a conversation. */
export function messages(exchange: Exchange, service: Service): Promise<void> {
  return service.answer(exchange, async (body) => {
    const { stream, max_tokens: maxTokens, ...fields } = modelBody(body, service);
    if (maxTokens === undefined) throw optionError("max_tokens is missing: how long may the answer be?");
    const chat = { ...chatBody(fields), max_tokens: maxTokens };
    const read = await service.images.resolve(exchange, (imageOf) => chatFields(chat, imageOf));
    const { request, n, count } = bounded(read, ["messages", ...PROMPT_NAMES], exchange);
    if (n !== 1) throw optionError(`n must be 1 here, not ${n}`);
    const { model } = service;
    const streams = flag("stream", stream);
    const inputTokens = streams ? countTokens(chat, service) : 0;
    return {
      begin: () => model.chat(request),
      count,
      form: messageForm(responseHead("msg_", service), service, stopTexts(request.stop), inputTokens),
      streams,
    };
  });
}

/** POST /v1/messages/count_tokens */
export async function countMessageTokens(exchange: Exchange, service: Service): Promise<void> {
  const fields = modelBody(await exchange.json(), service);
  exchange.send(200, { input_tokens: countTokens(chatBody(fields), service) });
}

function countTokens(chat: Fields, { model }: Service): number {
  const { messages, template, system, encoding } = chatFields(chat, () => "");
  return model.encode(messages, { template, system, encoding }).ids.length;
}

/** The same conversation as a body of chat completions. */
function chatBody(body: Fields): Fields {
  const {
    messages,
    system,
    stop_sequences: stop,
    thinking,
    output_config: output,
    ...rest
  } = withoutTools(body);
  if (!Array.isArray(messages)) throw optionError("messages must be an array of messages");
  if (thinking && objectOf(thinking, "thinking").type !== "disabled")
    throw new HttpError(
      400,
      "unsupported_thinking",
      "thinking: this model has no thoughts apart from its answer",
    );
  const line = system === undefined ? [] : [{ role: "system", content: systemText(system) }];
  const told = messages.map((message, i) => {
    const at = `messages[${i}]`;
    const { role, content } = objectOf(message, at);
    if (role !== "user" && role !== "assistant")
      throw optionError(`${at}.role must be "user" or "assistant", not ${JSON.stringify(role)}`);
    return {
      role,
      content: Array.isArray(content)
        ? content.map((block, j) => part(block, `${at}.content[${j}]`))
        : content,
    };
  });
  return { ...rest, ...(stop ? { stop } : {}), ...responseFormat(output), messages: [...line, ...told] };
}

function systemText(system: unknown): string {
  if (typeof system === "string") return system;
  if (!Array.isArray(system)) throw optionError("system must be a text or an array of text blocks");
  return system
    .map((block, i) => {
      const { text } = objectOf(block, `system[${i}]`);
      if (typeof text !== "string") throw optionError(`system[${i}].text must be a text`);
      return text;
    })
    .join("\n");
}

function part(value: unknown, at: string): object {
  const { type, text, source } = objectOf(value, at);
  if (type === "text") return { type, text };
  if (type !== "image")
    throw optionError(`${at}.type must be "text" or "image", not ${JSON.stringify(type)}`);
  const { type: kind, media_type: media, data, url } = objectOf(source, `${at}.source`);
  if (kind === "url") return { type: "image_url", image_url: { url } };
  if (kind !== "base64" || typeof data !== "string")
    throw optionError(`${at}.source must be {type: "base64", media_type, data} or {type: "url", url}`);
  return { type: "image_url", image_url: { url: `data:${String(media)};base64,${data}` } };
}

function responseFormat(output: unknown): Fields {
  if (output === undefined || output === null) return {};
  const { format } = objectOf(output, "output_config");
  if (format === undefined || format === null) return {};
  const { type, schema } = objectOf(format, "output_config.format");
  return { response_format: { type, json_schema: { name: "answer", schema } } };
}

function stopTexts(stop: string | readonly string[] | undefined): readonly string[] {
  return typeof stop === "string" ? [stop] : (stop ?? []);
}

function messageForm(
  { id, model: name }: { id: string; model: string },
  { model }: Service,
  stops: readonly string[],
  inputTokens: number,
): AnswerForm {
  const head = { id, type: "message", role: "assistant", model: name };
  const event = (type: string, data: object): StreamEvent => ({ event: type, data: { type, ...data } });
  const ending = (result: GenerationResult) => {
    const stop = stopText(result, stops, (ids) => model.tokenizer.decode(ids));
    const reason =
      result.finishReason === "length" ? "max_tokens" : stop === null ? "end_turn" : "stop_sequence";
    return { stop_reason: reason, stop_sequence: stop };
  };
  return {
    whole: (result) => ({
      ...head,
      content: [{ type: "text", text: result.text }],
      ...ending(result),
      usage: messageUsage(result),
    }),
    start: () => [
      event("message_start", {
        message: {
          ...head,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: inputTokens, output_tokens: 0 },
        },
      }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
    ],
    piece: ({ text }) =>
      text === "" ? [] : [event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })],
    end: (result) => [
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: ending(result), usage: messageUsage(result) }),
      event("message_stop", {}),
    ],
  };
}

/** Anthropic's `input_tokens` are those that no cache held. */
function messageUsage({ usage }: GenerationResult) {
  return {
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    image_tokens: usage.imageTokens,
    output_tokens: usage.completionTokens,
  };
}

/** The stop text that ended an answer: what its tokens say beyond its text. */
function stopText(
  { text, tokens, finishReason }: GenerationResult,
  stops: readonly string[],
  decode: (ids: number[]) => string,
): string | null {
  if (finishReason !== "stop" || stops.length === 0) return null;
  const said = decode(tokens);
  return stops.find((stop) => said.startsWith(stop, text.length)) ?? null;
}
