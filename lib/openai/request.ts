import { optionError } from "../check.js";
import { image } from "../image/index.js";
import type { AnyImage, ChatRequest, GenerateRequest } from "../model/model.js";
import type { ChatMessage } from "../prompt/index.js";
import { generationFields, objectOf } from "./fields.js";

/** What an image's URL stands for. @throws HoneybeeError ERR_OPTION or ERR_IMAGE for one that is not allowed here */
export type ImageResolver = (url: string) => AnyImage;

/**
 * A body of /v1/chat/completions as a request to `chat`: `image_url` parts where images are, option names in snake case.
 *
 * @throws HoneybeeError ERR_OPTION naming the field at fault
 */
export function chatRequest(body: unknown, imageOf: ImageResolver): ChatRequest {
  const { messages, logprobs, top_logprobs: top, stream, ...rest } = objectOf(body, "body");
  if (stream) throw optionError("stream: there is nobody to stream to; leave it out");
  if (!Array.isArray(messages)) throw optionError("messages must be an array of messages");
  if (typeof (logprobs ?? false) !== "boolean")
    throw optionError(`logprobs must be true or false, not ${JSON.stringify(logprobs)}`);
  if (!Number.isInteger(top ?? 0) || (top as number) < 0)
    throw optionError(`top_logprobs must be an integer from 0 up, not ${JSON.stringify(top)}`);
  if (top && !logprobs) throw optionError("top_logprobs is for logprobs: true only");
  const wanted = logprobs ? (top ?? true) : undefined;
  const options = { ...generationFields(rest), ...(wanted !== undefined && { logprobs: wanted }) };
  return {
    messages: messages.map((message, i) => chatMessage(message, i, imageOf)),
    ...options,
  } as ChatRequest;
}

/**
 * A body of /v1/completions as a request to `generate`: the prompt exactly as given, `<image>` where each of `images`
 * goes.
 *
 * @throws HoneybeeError ERR_OPTION naming the field at fault
 */
export function completionRequest(body: unknown, imageOf: ImageResolver): GenerateRequest {
  const { prompt, images, logprobs, stream, ...rest } = objectOf(body, "body");
  if (stream) throw optionError("stream: there is nobody to stream to; leave it out");
  const only = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof only !== "string")
    throw optionError("prompt must be a text; give each of several a line of its own");
  const urls = images ?? [];
  if (!Array.isArray(urls)) throw optionError("images must be an array of paths or data: URLs");
  const wanted = (logprobs ?? false) === false ? {} : { logprobs: logprobs as number };
  const options = { ...generationFields(rest), ...wanted };
  return { prompt: only, images: urls.map((url, i) => imageOf(textOf(url, `images[${i}]`))), ...options };
}

function chatMessage(value: unknown, index: number, imageOf: ImageResolver): ChatMessage {
  const at = `messages[${index}]`;
  const { role, content } = objectOf(value, at);
  const roleOf = role === "developer" ? "system" : (role as ChatMessage["role"]);
  if (!Array.isArray(content)) return { role: roleOf, content: content as string };
  return {
    role: roleOf,
    content: content.map((part, i) => contentPart(part, `${at}.content[${i}]`, imageOf)),
  };
}

function contentPart(value: unknown, at: string, imageOf: ImageResolver): string | object {
  if (typeof value === "string") return value;
  const { type, text, image_url: url } = objectOf(value, at);
  if (type === "text") return textOf(text, `${at}.text`);
  if (type === "image_url") {
    const source =
      typeof url === "string" ? url : textOf(objectOf(url, `${at}.image_url`).url, `${at}.image_url.url`);
    return image(imageOf(source) as string);
  }
  throw optionError(`${at}.type must be "text" or "image_url", not ${JSON.stringify(type)}`);
}

function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  throw optionError(`${what} must be a text, not ${JSON.stringify(value)}`);
}
