import { HoneybeeError } from "../errors.js";
import { type ChatTemplateTokens, renderChatTemplate } from "./chat-template.js";
import { type ChatMessage, checkMessages, type Message } from "./messages.js";
import { isCaptioning, renderTemplate, renderTemplateInput } from "./template.js";
import { BASE_SYSTEM, countImages, IMAGE_TAG, MESSAGE_SYSTEM } from "./text.js";

/** How a kind of model is spoken to. */
export type ChatFamily = "honeybee" | "llava" | "llama";

export interface ChatOptions extends ChatTemplateTokens {
  family: ChatFamily;
  /**
   * A row of the template set (see `renderTemplate`) that each text of the user is put into, or "none" (default).
   * Honeybee only.
   */
  template?: string | undefined;
  /**
   * The system line: "base", "message", "none", or a text. A system message in the conversation has precedence.
   * Default for Honeybee: "base" with a template, else "message"; for others none.
   */
  system?: string | undefined;
  /** The Jinja template of a text-only model. */
  chatTemplate?: string | undefined;
}

/** A conversation as one prompt. */
export interface RenderedChat {
  prompt: string;
  /** As they came, in the order of their `<image>` tags. */
  images: unknown[];
}

/**
 * Renders a conversation as the prompt that the model was trained with. If the last message is the assistant's, the
 * prompt ends with its text, to be continued.
 *
 * @throws HoneybeeError ERR_OPTION for malformed messages or options, or if the texts hold `<image>` themselves
 */
export function renderChat(messages: readonly ChatMessage[], options: ChatOptions): RenderedChat {
  const checked = checkMessages(messages);
  const { system = "none" } = options;
  if (typeof system !== "string")
    throw new HoneybeeError(
      "ERR_OPTION",
      `system must be "base", "message", "none" or a text, not ${JSON.stringify(system)}`,
    );
  const images = checked.flatMap((message) => message.images);
  const prompt = renderPrompt(checked, options);
  if (options.family !== "llama") checkImageCount(prompt, images.length);
  return { prompt, images };
}

/**
 * Makes sure that a prompt has one tag for each image.
 *
 * @throws HoneybeeError ERR_OPTION naming both counts
 */
export function checkImageCount(prompt: string, images: number): void {
  const tags = countImages(prompt);
  if (tags === images) return;
  throw new HoneybeeError(
    "ERR_OPTION",
    `the prompt has ${tags} ${IMAGE_TAG} but ${images} image${images === 1 ? "" : "s"} came with it; ` +
      `a chat places the tags itself, so leave ${IMAGE_TAG} out of its texts, or write the whole prompt raw`,
  );
}

function renderPrompt(messages: readonly Message[], options: ChatOptions): string {
  const { family, template = "none" } = options;
  if (family !== "honeybee" && template !== "none") {
    throw new HoneybeeError(
      "ERR_OPTION",
      `template ${template} is for Honeybee models; this one is ${family}`,
    );
  }
  switch (family) {
    case "honeybee":
      return renderHoneybee(messages, template, options.system);
    case "llava":
      return renderLlava(messages, options.system);
    case "llama":
      return renderLlama(messages, options);
    default:
      throw new HoneybeeError("ERR_OPTION", `unknown chat family ${JSON.stringify(family)}`);
  }
}

/** The form of the Honeybee reference code: a system line, then lines of Human and AI. */
function renderHoneybee(messages: readonly Message[], template: string, option: string | undefined): string {
  if (isCaptioning(template)) return renderCaptioning(messages, template);
  const system = systemLine(messages, option ?? (template === "none" ? "message" : "base"));
  const lines = system === "" ? [] : [system];
  for (const { role, text, images } of messages) {
    if (role === "system") continue;
    for (let i = 0; i < images.length; i++) lines.push(`Human: ${IMAGE_TAG}`);
    if (role === "assistant") lines.push(`AI: ${text}`);
    else lines.push(`Human: ${template === "none" ? text : renderTemplateInput(template, text)}`);
  }
  if (messages.at(-1)!.role !== "assistant") lines.push("AI: ");
  return lines.join("\n");
}

/** The prompt of the first training stage: an image, and the caption as far as it is given. */
function renderCaptioning(messages: readonly Message[], template: string): string {
  const [message] = messages;
  if (messages.length !== 1 || message!.images.length !== 1) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `template ${template} takes one message of the user with one image`,
    );
  }
  return renderTemplate(template, { caption: message!.text });
}

/** The form of the model card of LLaVA-1.5 in transformers: "USER: <image>⏎… ASSISTANT:". */
function renderLlava(messages: readonly Message[], option: string | undefined): string {
  const system = systemLine(messages, option ?? "none");
  let prompt = system === "" ? "" : `${system} `;
  for (const [index, { role, text, images }] of messages.entries()) {
    if (role === "system") continue;
    const isLast = index === messages.length - 1;
    if (role === "user") prompt += `USER: ${`${IMAGE_TAG}\n`.repeat(images.length)}${text} `;
    else prompt += `ASSISTANT: ${text}${isLast ? "" : "</s>"}`;
  }
  return messages.at(-1)!.role === "assistant" ? prompt : `${prompt}ASSISTANT:`;
}

function renderLlama(messages: readonly Message[], options: ChatOptions): string {
  const { chatTemplate, system } = options;
  if (messages.some(({ images }) => images.length > 0)) {
    throw new HoneybeeError("ERR_OPTION", "this is a text-only model; leave the images out");
  }
  if (chatTemplate === undefined) {
    throw new HoneybeeError(
      "ERR_OPTION",
      "this model has no chat_template, so there is no form to chat in; use the raw prompt (--raw)",
    );
  }
  const line = system === undefined || messages[0]!.role === "system" ? "" : systemLine(messages, system);
  const withSystem: Message[] =
    line === "" ? [...messages] : [{ role: "system", text: line, images: [] }, ...messages];
  return renderChatTemplate(chatTemplate, withSystem, options);
}

function systemLine(messages: readonly Message[], option: string): string {
  const first = messages[0]!;
  if (first.role === "system") return first.text;
  if (option === "base") return BASE_SYSTEM;
  if (option === "message") return MESSAGE_SYSTEM;
  return option === "none" ? "" : option;
}
