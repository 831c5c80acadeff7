import type { Choice, GenerationResult, Usage } from "../model/generation.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { joinLogprobs, LogprobTeller } from "./logprobs.js";

/** What an answer says beside the answer. */
export interface ResponseHead {
  id: string;
  /** Seconds since 1970. */
  created: number;
  model: string;
}

/** The body that /v1/chat/completions answers with. */
export function chatCompletion(head: ResponseHead, result: GenerationResult, tokenizer: Tokenizer) {
  return {
    ...head,
    object: "chat.completion",
    choices: result.choices.map(({ index, text, finishReason, logprobs }) => ({
      index,
      message: { role: "assistant", content: text, refusal: null },
      logprobs: logprobs ? { content: new LogprobTeller(tokenizer).chat(logprobs) } : null,
      finish_reason: finishReason,
    })),
    usage: usageOf(result.usage),
  };
}

/**
 * The body that /v1/completions answers with.
 *
 * @param echo the prompt, where the answer is to begin with it
 */
export function textCompletion(
  head: ResponseHead,
  { choices, promptLogprobs, usage }: GenerationResult,
  tokenizer: Tokenizer,
  echo = "",
) {
  const logprobsOf = ({ logprobs }: Choice) => {
    const teller = new LogprobTeller(tokenizer);
    const prompt = promptLogprobs && teller.prompt(promptLogprobs, echo);
    const answer = logprobs && teller.completion(logprobs);
    return prompt && answer ? joinLogprobs(prompt, answer) : (answer ?? prompt ?? null);
  };
  return {
    ...head,
    object: "text_completion",
    choices: choices.map((choice) => ({
      index: choice.index,
      text: echo + choice.text,
      logprobs: logprobsOf(choice),
      finish_reason: choice.finishReason,
    })),
    usage: usageOf(usage),
  };
}

/** The body of a refused request. */
export function errorBody(code: string, message: string, type = "invalid_request_error") {
  return { error: { message, type, param: null, code } };
}

/** What a request cost. */
export function usageOf({ promptTokens, imageTokens, cachedTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { image_tokens: imageTokens, cached_tokens: cachedTokens },
  };
}
