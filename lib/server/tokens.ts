import { optionError } from "../check.js";
import type { Model } from "../model/model.js";
import { PROMPT_NAMES } from "../model/prompt.js";
import { generationFields } from "../openai/fields.js";
import { completionRequest } from "../openai/request.js";
import { type EncodedPrompt, IMAGE_ID, IMAGE_TAG } from "../prompt/index.js";
import type { Exchange } from "./exchange.js";
import { chatFields, type Fields, flag, modelBody } from "./request.js";
import type { Service } from "./service.js";

/** Most ids that are decoded at once: more would hold up other streams. An answer has no more than the context. */
const MAX_TOKENS = 2 ** 16;

/** POST /tokenize: ids of a raw `prompt`, or of what `messages` become; -1 at positions of images, which are not read. */
export async function tokenize(exchange: Exchange, service: Service): Promise<void> {
  const { return_token_strs: strings, ...fields } = modelBody(await exchange.json(), service);
  const { model } = service;
  const { ids } = encode(fields, model);
  const pieces = () =>
    ids.map((id) => (id === IMAGE_ID ? IMAGE_TAG : (model.tokenizer.pieces([id])[0] ?? "")));
  exchange.send(200, {
    count: ids.length,
    image_tokens: ids.filter((id) => id === IMAGE_ID).length,
    max_model_len: model.info.context,
    tokens: ids,
    ...(flag("return_token_strs", strings) && { token_strs: pieces() }),
  });
}

function encode(fields: Fields, model: Model): EncodedPrompt {
  if ((fields.messages === undefined) === (fields.prompt === undefined))
    throw optionError("give messages or a prompt, and not both");
  // How many rows an image takes does not depend on the image.
  const unread = () => "";
  if (fields.messages === undefined) return model.encode(completionRequest(fields, unread).prompt);
  const { messages, ...options } = chatFields(fields, unread);
  return model.encode(messages, pick(options, PROMPT_NAMES));
}

/** POST /detokenize: the text of `tokens`, `<image>` for each image's positions. */
export async function detokenize(exchange: Exchange, service: Service): Promise<void> {
  const { tokens, ...rest } = modelBody(await exchange.json(), service);
  generationFields(rest);
  const { tokenizer, info } = service.model;
  const most = Math.max(MAX_TOKENS, info.context);
  if (Array.isArray(tokens) && tokens.length > most)
    throw optionError(`tokens has ${tokens.length} ids; at most ${most} are decoded at once`);
  if (!Array.isArray(tokens) || !tokens.every((id) => Number.isInteger(id) && id >= IMAGE_ID))
    throw optionError("tokens must be an array of token ids, -1 where an image is");
  let prompt = "";
  for (let i = 0; i < tokens.length; ) {
    const begin = i;
    const isImage = tokens[i] === IMAGE_ID;
    while (i < tokens.length && (tokens[i] === IMAGE_ID) === isImage) i++;
    prompt += isImage
      ? IMAGE_TAG.repeat(Math.ceil((i - begin) / Math.max(1, info.tokensPerImage)))
      : tokenizer.decode(tokens.slice(begin, i));
  }
  exchange.send(200, { prompt });
}

function pick(options: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}
