import { optionError } from "../check.js";
import type { GenerationResult } from "../model/generation.js";
import { LogprobTeller } from "../openai/logprobs.js";
import { completionRequest } from "../openai/request.js";
import { type ResponseHead, textCompletion, usageOf } from "../openai/response.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { AnswerForm } from "./answer.js";
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
    if (Array.isArray(fields.prompt) && fields.prompt.length !== 1)
      throw optionError("prompt must be one text; send each of several as a request of its own");
    const read = await service.images.resolve(exchange, (imageOf) => completionRequest(fields, imageOf));
    const { request, n, count } = bounded(read, ["prompt", "images"], exchange);
    const { model } = service;
    const head = responseHead("cmpl-", service);
    const prefix = echoes ? request.prompt : "";
    const { logprobs = false } = request;
    const scores = echoes && logprobs !== false;
    const form = { n, prefix, withUsage };
    return {
      begin: () => model.generate(scores ? { ...request, promptLogprobs: logprobs } : request),
      count,
      form: scores ? scoredForm(head, model.tokenizer, form) : textForm(head, model.tokenizer, form),
      streams,
    };
  });
}

interface FormOptions {
  n: number;
  prefix: string;
  withUsage: boolean;
}

function chunkOf(
  head: ResponseHead,
  { withUsage }: FormOptions,
  choices: object[],
  usage: object | null = null,
): StreamEvent {
  return { data: { ...head, object: "text_completion", choices, ...(withUsage && { usage }) } };
}

/** The log-probabilities of a prompt are complete with the answer, so that a stream of them is one event a choice. */
function scoredForm(head: ResponseHead, tokenizer: Tokenizer, options: FormOptions): AnswerForm {
  const whole = (result: GenerationResult) => textCompletion(head, result, tokenizer, options.prefix);
  return {
    whole,
    start: () => [],
    piece: () => [],
    end(result) {
      const { choices, usage } = whole(result);
      return [
        ...choices.map((choice) => chunkOf(head, options, [choice])),
        ...(options.withUsage ? [chunkOf(head, options, [], usage)] : []),
        { data: "[DONE]" },
      ];
    },
  };
}

function textForm(head: ResponseHead, tokenizer: Tokenizer, options: FormOptions): AnswerForm {
  const { n, prefix, withUsage } = options;
  const chunk = (choices: object[], usage?: object) => chunkOf(head, options, choices, usage);
  const choice = (index: number, text: string, logprobs: object | null, finish: string | null) =>
    chunk([{ index, text, logprobs, finish_reason: finish }]);
  const tellers = Array.from({ length: n }, () => new LogprobTeller(tokenizer));
  return {
    whole: (result) => textCompletion(head, result, tokenizer, prefix),
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
