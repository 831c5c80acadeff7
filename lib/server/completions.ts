import { optionError } from "../check.js";
import { LogprobTeller } from "../openai/logprobs.js";
import { completionRequest } from "../openai/request.js";
import { type ResponseHead, textCompletion, usageOf } from "../openai/response.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { AnswerForm } from "./answer.js";
import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import { bounded, flag, modelBody, responseHead, streamFields } from "./request.js";
import type { Service } from "./service.js";
import type { StreamEvent } from "./sse.js";

/** POST /v1/completions */
export function completions(exchange: Exchange, service: Service): Promise<void> {
  return service.answer(exchange, async (body) => {
    const all = modelBody(body, service);
    const { stream: _, stream_options: __, echo, ...fields } = all;
    const { streams, withUsage } = streamFields(all);
    const echoes = flag("echo", echo);
    if (echoes && (fields.logprobs ?? false) !== false)
      throw new HttpError(
        400,
        "unsupported_echo",
        "echo with logprobs asks for log-probabilities of the prompt, which are not computed yet; leave one of them out",
      );
    if (Array.isArray(fields.prompt) && fields.prompt.length !== 1)
      throw optionError("prompt must be one text; send each of several as a request of its own");
    const read = await service.images.resolve(exchange, (imageOf) => completionRequest(fields, imageOf));
    const { request, n, count } = bounded(read, ["prompt", "images"], exchange);
    const { model } = service;
    const head = responseHead("cmpl-", service);
    const prefix = echoes ? request.prompt : "";
    return {
      begin: () => model.generate(request),
      count,
      form: textForm(head, model.tokenizer, { n, prefix, withUsage }),
      streams,
    };
  });
}

function textForm(
  head: ResponseHead,
  tokenizer: Tokenizer,
  { n, prefix, withUsage }: { n: number; prefix: string; withUsage: boolean },
): AnswerForm {
  const chunk = (choices: object[], usage: object | null = null): StreamEvent => ({
    data: { ...head, object: "text_completion", choices, ...(withUsage && { usage }) },
  });
  const choice = (index: number, text: string, logprobs: object | null, finish: string | null) =>
    chunk([{ index, text, logprobs, finish_reason: finish }]);
  const tellers = Array.from({ length: n }, () => new LogprobTeller(tokenizer));
  return {
    whole: (result) =>
      textCompletion(
        head,
        { ...result, choices: result.choices.map((one) => ({ ...one, text: prefix + one.text })) },
        tokenizer,
      ),
    start: () => (prefix === "" ? [] : tellers.map((_, i) => choice(i, prefix, null, null))),
    piece({ index, text, logprobs }) {
      if (text === "" && !logprobs) return [];
      return [choice(index, text, logprobs ? tellers[index]!.completion(logprobs) : null, null)];
    },
    end: ({ choices, usage }) => [
      ...choices.map(({ index, finishReason }) => choice(index, "", null, finishReason)),
      ...(withUsage ? [chunk([], usageOf(usage))] : []),
      { data: "[DONE]" },
    ],
  };
}
