import type { GenerationResult, TokenLogprob, Usage } from "../model/generation.js";
import type { Tokenizer } from "../tokenizer/index.js";

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
      logprobs: logprobs ? { content: logprobs.map((token) => chatLogprob(token, tokenizer)) } : null,
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
      logprobs: logprobs ? textLogprobs(logprobs, tokenizer) : null,
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

/** A token with its log-probability, as chat completions tell it. */
export function chatLogprob({ token, logprob, top }: TokenLogprob, tokenizer: Tokenizer) {
  const named = (id: number, value: number) => {
    const text = tokenizer.decode([id]);
    return { token: text, logprob: value, bytes: [...Buffer.from(text)] };
  };
  return { ...named(token, logprob), top_logprobs: top.map((other) => named(other.token, other.logprob)) };
}

/**
 * Tokens with their log-probabilities, as completions tell them.
 *
 * @param start characters of the answer before them
 */
export function textLogprobs(tokens: readonly TokenLogprob[], tokenizer: Tokenizer, start = 0) {
  const texts = tokens.map(({ token }) => tokenizer.decode([token]));
  let offset = start;
  return {
    tokens: texts,
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [tokenizer.decode([token]), logprob])),
    ),
    text_offset: texts.map((text) => {
      const at = offset;
      offset += text.length;
      return at;
    }),
  };
}
