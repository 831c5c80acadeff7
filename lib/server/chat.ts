import { PROMPT_NAMES } from "../model/prompt.js";
import { LogprobTeller } from "../openai/logprobs.js";
import { chatCompletion, type ResponseHead, usageOf } from "../openai/response.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { AnswerForm } from "./answer.js";
import type { Exchange } from "./exchange.js";
import { bounded, chatFields, modelBody, responseHead, streamFields, withoutTools } from "./request.js";
import type { Service } from "./service.js";
import type { StreamEvent } from "./sse.js";

/** POST /v1/chat/completions */
export function chatCompletions(exchange: Exchange, service: Service): Promise<void> {
  return service.answer(exchange, async (body) => {
    const { stream: _, stream_options: __, ...fields } = withoutTools(modelBody(body, service));
    const { streams, withUsage } = streamFields(body as object as Record<string, unknown>);
    const read = await service.images.resolve(exchange, (imageOf) => chatFields(fields, imageOf));
    const { request, n, count } = bounded(read, ["messages", ...PROMPT_NAMES], exchange);
    const { model } = service;
    return {
      begin: () => model.chat(request),
      count,
      form: chatForm(responseHead("chatcmpl-", service), model.tokenizer, n, withUsage),
      streams,
    };
  });
}

function chatForm(head: ResponseHead, tokenizer: Tokenizer, n: number, withUsage: boolean): AnswerForm {
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: { ...head, object: "chat.completion.chunk", choices, ...(withUsage && { usage }) },
  });
  const choice = (index: number, delta: object, logprobs: object | null, finish: string | null) =>
    chunk([{ index, delta, logprobs, finish_reason: finish }]);
  const tellers = Array.from({ length: n }, () => new LogprobTeller(tokenizer));
  return {
    whole: (result) => chatCompletion(head, result, tokenizer),
    start: () =>
      Array.from({ length: n }, (_, i) => choice(i, { role: "assistant", content: "" }, null, null)),
    piece({ index, text, logprobs }) {
      if (text === "" && !logprobs) return [];
      const told = logprobs ? { content: tellers[index]!.chat(logprobs) } : null;
      return [choice(index, { content: text }, told, null)];
    },
    end: ({ choices, usage }) => [
      ...choices.map(({ index, finishReason }) => choice(index, {}, null, finishReason)),
      ...(withUsage ? [chunk([], usageOf(usage))] : []),
      { data: "[DONE]" },
    ],
  };
}
