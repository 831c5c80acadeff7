import { randomBytes } from "node:crypto";
import { optionError } from "../check.js";
import type { ChatRequest } from "../model/model.js";
import { checkGeneration, type GenerationOptions } from "../model/options.js";
import { objectOf } from "../openai/fields.js";
import { chatRequest, type ImageResolver } from "../openai/request.js";
import type { ResponseHead } from "../openai/response.js";
import { HttpError } from "./errors.js";
import type { Exchange } from "./exchange.js";
import type { Service } from "./service.js";

export type Fields = Record<string, unknown>;

/** Most likeliest tokens beside each token: more is more text than answer. */
const MAX_TOP_LOGPROBS = 20;

/** Fields by which a client offers tools, and those that mean nothing without. */
const TOOLS = ["tools", "functions"];
const TOOL_SETTINGS = ["tool_choice", "function_call", "parallel_tool_calls"];

/** No API has as many fields; reading hundreds of thousands would hold up other streams. */
const MAX_FIELDS = 256;

/**
 * The fields of a body that has to name this server's model, or none.
 *
 * @throws HttpError 404, 400; HoneybeeError ERR_OPTION
 */
export function modelBody(body: unknown, { modelName }: Service): Fields {
  const fields = objectOf(body, "body");
  const count = Object.keys(fields).length;
  if (count > MAX_FIELDS) throw optionError(`the body has ${count} fields; at most ${MAX_FIELDS} are read`);
  const { model } = fields;
  if (model !== undefined && model !== null && model !== modelName) throw unknownModel(model, modelName);
  return fields;
}

export function unknownModel(model: unknown, modelName: string): HttpError {
  const message = `there is no model ${JSON.stringify(model)} here; this server has ${JSON.stringify(modelName)}`;
  return new HttpError(404, "model_not_found", message);
}

/**
 * Leaves out what says that no tools are there.
 *
 * @throws HttpError 400 naming the field that offers a tool
 */
export function withoutTools(fields: Fields): Fields {
  const rest = { ...fields };
  for (const name of TOOLS) {
    const value = rest[name];
    if (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null)
      throw new HttpError(
        400,
        "unsupported_tools",
        `${name}: this model calls no tools; leave the field out`,
      );
    delete rest[name];
  }
  for (const name of TOOL_SETTINGS) delete rest[name];
  return rest;
}

/**
 * Whether an answer is wanted as a stream, and with its usage at the end.
 *
 * @throws HoneybeeError ERR_OPTION
 */
export function streamFields({ stream, stream_options: options }: Fields): {
  streams: boolean;
  withUsage: boolean;
} {
  const streams = flag("stream", stream);
  if (options === undefined || options === null) return { streams, withUsage: false };
  if (!streams) throw optionError("stream_options is for stream: true only");
  const { include_usage: usage } = objectOf(options, "stream_options");
  return { streams, withUsage: flag("stream_options.include_usage", usage) };
}

/** @throws HoneybeeError ERR_OPTION */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  throw optionError(`${name} must be true or false, not ${JSON.stringify(value)}`);
}

/**
 * A request as the exchange may make it: it stops with the exchange, and is not more urgent than its client is. `count`
 * is how many places of the engine it takes.
 *
 * @throws HoneybeeError ERR_OPTION
 */
export function bounded<T extends GenerationOptions>(
  request: T,
  others: readonly string[],
  { signal, client }: Exchange,
): { request: T & { signal: AbortSignal }; n: number; count: number } {
  const { n, beams, logprobs, priority } = checkGeneration(request, others);
  if (logprobs > MAX_TOP_LOGPROBS)
    throw optionError(`logprobs: at most the ${MAX_TOP_LOGPROBS} likeliest tokens, not ${logprobs}`);
  const highest = client?.priority ?? 0;
  const own = request.priority === undefined ? highest : Math.min(priority, highest);
  return { request: { ...request, priority: own, signal }, n, count: beams?.beams ?? n };
}

/**
 * A body of chat completions as a request, with the prompt options that it may have beside OpenAI's fields.
 *
 * @throws HoneybeeError ERR_OPTION
 */
export function chatFields(fields: Fields, imageOf: ImageResolver): ChatRequest {
  const { template, system, encoding, ...rest } = fields;
  const prompt = Object.entries({ template, system, encoding }).filter(
    ([, value]) => (value ?? null) !== null,
  );
  return { ...chatRequest(rest, imageOf), ...Object.fromEntries(prompt) };
}

/** How answers of this server begin. */
export function responseHead(prefix: string, { modelName }: Service): ResponseHead {
  return {
    id: `${prefix}${randomBytes(12).toString("hex")}`,
    created: Math.floor(Date.now() / 1000),
    model: modelName,
  };
}
