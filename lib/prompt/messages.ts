import { HoneybeeError } from "../errors.js";

/** Part of a message: text, or an image in whatever form the caller keeps images. */
export type MessagePart = string | object;

/** One message of a conversation. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  /** Text, or texts and images in order. Whatever is not a string is an image. */
  content: string | readonly MessagePart[];
}

/** A checked message: its texts joined by newlines, its images in order. */
export interface Message {
  role: ChatMessage["role"];
  text: string;
  images: unknown[];
}

const ROLES: readonly string[] = ["system", "user", "assistant"];

/**
 * Checks the form of a conversation: an optional system message first, at least one message of the user,
 * images in messages of the user only.
 *
 * @throws HoneybeeError ERR_OPTION naming the message at fault
 */
export function checkMessages(messages: readonly ChatMessage[]): Message[] {
  if (!Array.isArray(messages))
    throw new HoneybeeError("ERR_OPTION", "messages must be an array of messages");
  const checked = messages.map(checkMessage);
  if (!checked.some(({ role }) => role === "user")) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `messages has ${messages.length} entries but none with role "user"`,
    );
  }
  return checked;
}

function checkMessage(message: ChatMessage, index: number): Message {
  const fail = (what: string): never => {
    throw new HoneybeeError("ERR_OPTION", `messages[${index}]${what}`);
  };
  if (typeof message !== "object" || message === null)
    return fail(" must be an object with role and content");
  const { role, content } = message;
  if (!ROLES.includes(role)) {
    return fail(`.role must be "system", "user" or "assistant", not ${JSON.stringify(role)}`);
  }
  if (role === "system" && index > 0)
    return fail(' has role "system", which only the first message may have');
  if (typeof content === "string") return { role, text: content, images: [] };
  if (!Array.isArray(content)) return fail(".content must be a string or an array of texts and images");
  const texts: string[] = [];
  const images: unknown[] = [];
  for (const part of content as readonly unknown[]) {
    if (typeof part === "string") texts.push(part);
    else if (typeof part === "object" && part !== null) images.push(part);
    else fail(`.content holds ${part === null ? "null" : typeof part}; expected texts and images`);
  }
  if (images.length > 0 && role !== "user") fail(` has role "${role}", but only the user can show images`);
  return { role, text: texts.join("\n"), images };
}
