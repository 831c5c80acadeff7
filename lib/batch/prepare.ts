import { optionError } from "../check.js";
import type { Generation } from "../model/generation.js";
import type { AnyImage, ChatRequest, GenerateRequest } from "../model/model.js";
import type { BatchHost, BatchRequest } from "./types.js";

/** The images of a request in order; of a malformed one, those that can be found. */
export function imagesOf(request: BatchRequest): unknown[] {
  if (!isChat(request)) return Array.isArray(request.images) ? [...request.images] : [];
  const { messages } = request;
  if (!Array.isArray(messages)) return [];
  return messages.flatMap(({ content }) => (Array.isArray(content) ? content.filter(isImage) : []));
}

/**
 * Makes a request ready for the engine.
 *
 * @returns what starts it
 * @throws HoneybeeError ERR_OPTION, ERR_IMAGE, ERR_OUT_OF_MEMORY; the signal's reason
 */
export async function prepareRequest(
  host: BatchHost,
  request: BatchRequest,
  signal: AbortSignal,
): Promise<() => Generation> {
  const images = imagesOf(request);
  const prepared = await Promise.all(images.map((image, i) => host.prepare(image, `image ${i + 1}`, signal)));
  const { id: _, ...rest } = request;
  if (!isChat(rest)) {
    const withImages = images.length > 0 ? { images: prepared as unknown as AnyImage[] } : {};
    return () => host.generate({ ...rest, ...withImages });
  }
  let next = 0;
  const messages =
    images.length === 0
      ? rest.messages
      : rest.messages.map((message) =>
          Array.isArray(message.content)
            ? {
                ...message,
                content: message.content.map((part) => (isImage(part) ? prepared[next++] : part)),
              }
            : message,
        );
  return () => host.chat({ ...rest, messages } as ChatRequest);
}

function isImage(part: unknown): part is object {
  return typeof part === "object" && part !== null;
}

/** @throws HoneybeeError ERR_OPTION if it is neither kind */
function isChat(request: Omit<BatchRequest, "id">): request is ChatRequest {
  if (typeof request !== "object" || request === null)
    throw optionError(`a request must be an object with messages or a prompt, not ${String(request)}`);
  const { messages, prompt } = request as Partial<ChatRequest & GenerateRequest>;
  if ((messages === undefined) === (prompt === undefined))
    throw optionError("a request needs messages or a prompt, and not both");
  return messages !== undefined;
}
