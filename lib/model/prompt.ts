import { checkChoice } from "../check.js";
import {
  type ChatMessage,
  type EncodedPrompt,
  encodeLlava,
  encodePrompt,
  encodeRaw,
  renderChat,
} from "../prompt/index.js";
import { CHOICES } from "./options.js";
import type { ResolvedModel } from "./resolve.js";

/** Options of how a conversation becomes a prompt. */
export interface PromptOptions {
  /** A row of the template set that the last text is put into, or "none" (default). Honeybee models only. */
  template?: string | undefined;
  /** "base", "message", "none" or a text. Default: "base" with a template, else "message". */
  system?: string | undefined;
  /** "head" (default): the encoding of the released code and of training; "legacy": that of December 2023. */
  encoding?: "head" | "legacy" | undefined;
}

export const PROMPT_NAMES: readonly string[] = ["template", "system", "encoding"];

type PromptModel = Pick<ResolvedModel, "config" | "tokenizer">;

/** Rows that each image takes in a prompt; 0 for a text-only model. */
export function tokensPerImage({ config }: PromptModel): number {
  return config.projector ? config.projector.visualTokens + config.projector.eosTokens : 0;
}

/** A conversation in the words this model was trained with, and its images in order. */
export function renderMessages(
  { config, tokenizer }: PromptModel,
  messages: readonly ChatMessage[],
  options: PromptOptions,
) {
  const piece = (id: number | undefined) => (id === undefined ? undefined : tokenizer.pieces([id])[0]);
  return renderChat(messages, {
    family: config.family,
    template: options.template,
    system: options.system,
    chatTemplate: tokenizer.chatTemplate,
    bosToken: piece(tokenizer.bosId),
    eosToken: piece(tokenizer.eosId),
  });
}

/** Ids of a prompt text. `isRaw`: written by the caller, not by a chat template that spells BOS out. */
export function encodeText(
  model: PromptModel,
  text: string,
  options: PromptOptions,
  isRaw: boolean,
): EncodedPrompt {
  const encoding = checkChoice("encoding", options.encoding, CHOICES.encoding);
  const visualTokens = tokensPerImage(model);
  switch (model.config.family) {
    case "honeybee":
      return encodePrompt(model.tokenizer, text, { visualTokens, ...(encoding ? { encoding } : {}) });
    case "llava":
      return encodeLlava(model.tokenizer, text, visualTokens);
    case "llama":
      return encodeRaw(model.tokenizer, text, { addSpecial: isRaw });
  }
}

/** Ids of a raw prompt or of a conversation. */
export function encodeChatPrompt(
  model: PromptModel,
  prompt: string | readonly ChatMessage[],
  options: PromptOptions,
): EncodedPrompt {
  if (typeof prompt === "string") return encodeText(model, prompt, options, true);
  return encodeText(model, renderMessages(model, prompt, options).prompt, options, false);
}
