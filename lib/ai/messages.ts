import type {
  LanguageModelV3FilePart,
  LanguageModelV3Message,
  LanguageModelV3Prompt,
} from "@ai-sdk/provider";
import { optionError } from "../check.js";
import { image } from "../image/index.js";
import type { ChatMessage, MessagePart } from "../prompt/index.js";

/**
 * A prompt of the AI SDK as a conversation.
 *
 * @throws HoneybeeError ERR_OPTION naming a part that this model cannot be shown
 */
export function chatMessages(prompt: LanguageModelV3Prompt): ChatMessage[] {
  return prompt.map((message, index) => chatMessage(message, `prompt[${index}]`));
}

function chatMessage(message: LanguageModelV3Message, at: string): ChatMessage {
  if (message.role === "system") return { role: "system", content: message.content };
  if (message.role === "tool") throw optionError(`${at} has role "tool", but this model calls no tools`);
  const parts = message.content as readonly { type: string }[];
  return {
    role: message.role,
    content: parts.flatMap((part, i) => messagePart(part, `${at}.content[${i}]`)),
  };
}

function messagePart(part: { type: string }, at: string): MessagePart[] {
  if (part.type === "text") return [(part as { type: "text"; text: string }).text];
  if (part.type === "file") return [filePart(part as LanguageModelV3FilePart, at)];
  // Other models' thoughts are not part of a conversation.
  if (part.type === "reasoning") return [];
  throw optionError(`${at} is a ${part.type}; this model is shown texts and images`);
}

function filePart({ mediaType, data }: LanguageModelV3FilePart, at: string): object {
  if (!/^image\//.test(mediaType))
    throw optionError(`${at} is ${mediaType}; this model is shown texts and images`);
  if (data instanceof URL) throw optionError(`${at} is a URL that was not fetched; pass the image's bytes`);
  return image(typeof data === "string" ? Buffer.from(data, "base64") : data);
}
