import { Template } from "@huggingface/jinja";
import { HoneybeeError } from "../errors.js";
import type { Message } from "./messages.js";

export interface ChatTemplateTokens {
  /** Text of the BOS and EOS tokens, which templates spell out. */
  bosToken?: string | undefined;
  eosToken?: string | undefined;
}

/**
 * Renders a conversation by a model's own Jinja template, as transformers' `apply_chat_template` does, ready for the
 * next answer. If the last message is the assistant's, its text is left open to be continued.
 *
 * @throws HoneybeeError ERR_TOKENIZER if the template is broken, ERR_OPTION if it refuses the conversation
 */
export function renderChatTemplate(
  source: string,
  messages: readonly Message[],
  { bosToken = "", eosToken = "" }: ChatTemplateTokens,
): string {
  const last = messages.at(-1)!;
  const continues = last.role === "assistant";
  let template: Template;
  try {
    template = new Template(source);
  } catch (error) {
    const message = `the model's chat_template is broken: ${(error as Error).message}; use the raw prompt`;
    throw new HoneybeeError("ERR_TOKENIZER", message, { cause: error });
  }
  let prompt: string;
  try {
    prompt = template.render({
      messages: messages.map(({ role, text }) => ({ role, content: text })),
      add_generation_prompt: !continues,
      bos_token: bosToken,
      eos_token: eosToken,
    });
  } catch (error) {
    const message = `the model's chat_template refuses these messages: ${(error as Error).message}`;
    throw new HoneybeeError("ERR_OPTION", message, { cause: error });
  }
  return continues ? cutBehind(prompt, last.text.trim()) : prompt;
}

/** Drops what a template puts behind the last answer, such as EOS. */
function cutBehind(prompt: string, answer: string): string {
  const at = prompt.lastIndexOf(answer);
  if (at >= 0 && answer !== "") return prompt.slice(0, at + answer.length);
  const message = "the model's chat_template does not show the last answer, so it cannot be continued";
  throw new HoneybeeError("ERR_OPTION", `${message}; end the messages with one of the user`);
}
