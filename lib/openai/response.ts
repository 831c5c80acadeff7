import type { GenerationResult, Usage } from "../model/generation.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { LogprobTeller } from "./logprobs.js";

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

/** The body that /v1/completions answers with. */
export function textCompletion(head: ResponseHead, result: GenerationResult, tokenizer: Tokenizer) {
  return {
    ...head,
    object: "text_completion",
    choices: result.choices.map(({ index, text, finishReason, logprobs }) => ({
      index,
      text,
      logprobs: logprobs ? new LogprobTeller(tokenizer).completion(logprobs) : null,
      finish_reason: finishReason,
    })),
    usage: usageOf(result.usage),
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
