import { packageVersion } from "../native.js";
import { OPTION_FIELDS } from "../openai/fields.js";
import type { Exchange } from "./exchange.js";

type Schema = Record<string, unknown>;

const text: Schema = { type: "string" };
const number: Schema = { type: "number" };
const integer: Schema = { type: "integer" };
const flag: Schema = { type: "boolean" };
const list = (items: Schema): Schema => ({ type: "array", items });
const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length > 0 && { required }),
});
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** Of generation options, those that are not numbers. */
const OPTION_KINDS: Record<string, Schema> = {
  stop: { oneOf: [text, list(text)] },
  logit_bias: { type: "object", additionalProperties: number },
  ignore_eos: flag,
  early_stopping: { oneOf: [flag, { enum: ["never"] }] },
  response_format: { type: "object" },
};
const COUNTS = /^(n|seed|beams|timeout|priority|top_k|.*tokens|.*_size)$/;

function generationOptions(): Record<string, Schema> {
  const kind = (name: string) => OPTION_KINDS[name] ?? (COUNTS.test(name) ? integer : number);
  return Object.fromEntries(OPTION_FIELDS.map((name) => [name, kind(name)]));
}

const promptOptions = { template: text, system: text, encoding: { enum: ["head", "legacy"] } };
const streaming = { stream: flag, stream_options: object({ include_usage: flag }) };
const imagePart = object({ type: { const: "image_url" }, image_url: object({ url: text }, ["url"]) });
const textPart = object({ type: { const: "text" }, text });
const message = object(
  {
    role: { enum: ["system", "developer", "user", "assistant"] },
    content: { oneOf: [text, list({ oneOf: [textPart, imagePart] })] },
  },
  ["role", "content"],
);
const usage = object({
  prompt_tokens: integer,
  completion_tokens: integer,
  total_tokens: integer,
  prompt_tokens_details: object({ image_tokens: integer, cached_tokens: integer }),
});
const head = { id: text, object: text, created: integer, model: text };
const model = object({
  ...head,
  owned_by: text,
  max_model_len: integer,
  tokens_per_image: integer,
  image_size: integer,
  image_grid: integer,
  image_samples: flag,
});

/** Of Anthropic's form. */
const conversation = {
  model: text,
  system: { oneOf: [text, list({ type: "object" })] },
  messages: list({ type: "object" }),
};
const messageOptions = { temperature: number, top_p: number, top_k: integer };

function schemas(): Record<string, Schema> {
  const options = { model: text, ...generationOptions(), ...streaming };
  return {
    Message: message,
    Usage: usage,
    Model: model,
    Error: object({ error: object({ message: text, type: text, param: {}, code: text }) }),
    ChatRequest: object(
      { messages: list(ref("Message")), ...options, ...promptOptions, logprobs: flag, top_logprobs: integer },
      ["messages"],
    ),
    ChatCompletion: object({ ...head, choices: list({ type: "object" }), usage: ref("Usage") }),
    CompletionRequest: object(
      { prompt: text, images: list(text), ...options, echo: flag, logprobs: integer },
      ["prompt"],
    ),
    Completion: object({ ...head, choices: list({ type: "object" }), usage: ref("Usage") }),
    TokenizeRequest: object({
      prompt: text,
      messages: list(ref("Message")),
      model: text,
      ...promptOptions,
      return_token_strs: flag,
    }),
    Tokens: object({
      count: integer,
      image_tokens: integer,
      max_model_len: integer,
      tokens: list(integer),
      token_strs: list(text),
    }),
    DetokenizeRequest: object({ tokens: list(integer), model: text }, ["tokens"]),
    Text: object({ prompt: text }),
    SamplingRequest: object({ image: { oneOf: [text, object({ url: text }, ["url"])] }, model: text }, [
      "image",
    ]),
    SamplingPoints: object({ visual_tokens: integer, points: list(list(list(number))) }),
    Status: object({ status: text }),
    ResponseRequest: object(
      {
        input: { oneOf: [text, list({ type: "object" })] },
        instructions: text,
        max_output_tokens: integer,
        ...options,
      },
      ["input"],
    ),
    Response: object({
      id: text,
      object: text,
      status: text,
      output: list({ type: "object" }),
      usage: { type: "object" },
    }),
    MessageRequest: object(
      { ...conversation, max_tokens: integer, stop_sequences: list(text), ...messageOptions, stream: flag },
      ["messages", "max_tokens"],
    ),
    MessageAnswer: object({
      id: text,
      type: text,
      role: text,
      content: list({ type: "object" }),
      usage: { type: "object" },
    }),
    MessageCountRequest: object(conversation, ["messages"]),
    MessageCount: object({ input_tokens: integer }),
  };
}

const json = (schema: Schema) => ({ "application/json": { schema } });

/** What an operation answers with when it refuses or fails. */
const failure = { description: "Refused or failed", content: json(ref("Error")) };

interface Operation {
  summary: string;
  request?: string;
  answer?: string;
  /** Also as server-sent events. */
  streams?: boolean;
  /** Of an answer that is no JSON. */
  type?: string;
  open?: boolean;
  parameter?: string;
  query?: Record<string, Schema>;
}

const OPERATIONS: Record<string, Operation> = {
  "POST /v1/chat/completions": {
    summary: "Answers a conversation",
    request: "ChatRequest",
    answer: "ChatCompletion",
    streams: true,
  },
  "POST /v1/completions": {
    summary: "Continues a prompt, <image> where images go",
    request: "CompletionRequest",
    answer: "Completion",
    streams: true,
  },
  "POST /v1/responses": {
    summary: "Answers a conversation in the form of OpenAI's responses",
    request: "ResponseRequest",
    answer: "Response",
    streams: true,
  },
  "POST /v1/messages": {
    summary: "Answers a conversation in Anthropic's form",
    request: "MessageRequest",
    answer: "MessageAnswer",
    streams: true,
  },
  "POST /v1/messages/count_tokens": {
    summary: "Counts the tokens of a conversation in Anthropic's form",
    request: "MessageCountRequest",
    answer: "MessageCount",
  },
  "GET /v1/models": { summary: "The model of this server, as a list" },
  "GET /v1/models/{model}": { summary: "The model of this server", answer: "Model", parameter: "model" },
  "POST /tokenize": {
    summary: "Ids of a prompt, images counted",
    request: "TokenizeRequest",
    answer: "Tokens",
  },
  "POST /detokenize": { summary: "Text of ids", request: "DetokenizeRequest", answer: "Text" },
  "POST /sampling_points": {
    summary: "Where each visual token of a D-Abstractor looks at an image",
    request: "SamplingRequest",
    answer: "SamplingPoints",
  },
  "POST /debug/profile": {
    summary: "What the engine does for some seconds: a Chrome trace, a profile or a report",
    query: { seconds: { type: "number" }, format: { enum: ["trace", "profile", "html"] } },
  },
  "GET /health": { summary: "Whether the process should live on", answer: "Status", open: true },
  "GET /ready": { summary: "Whether a request would be taken on", answer: "Status", open: true },
  "GET /metrics": { summary: "Prometheus' text format", type: "text/plain", open: true },
  "GET /docs/openapi.json": { summary: "This document", open: true },
};

/** The routes as an OpenAPI 3.1 document. */
export function openApiDocument(): Schema {
  const paths: Record<string, Schema> = {};
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const [method, path] = name.split(" ") as [string, string];
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation) };
  }
  const securitySchemes = { key: { type: "http", scheme: "bearer" } };
  return {
    openapi: "3.1.0",
    info: {
      title: "honeybee",
      version: packageVersion(),
      description: "A vision-language model; keys are needed where the server has some.",
    },
    security: [{}, { key: [] }],
    paths,
    components: { schemas: schemas(), securitySchemes },
  };
}

function describe({ summary, request, answer, streams, type, open, parameter, query }: Operation): Schema {
  const content = {
    ...(type ? { [type]: { schema: text } } : json(answer ? ref(answer) : { type: "object" })),
    ...(streams && { "text/event-stream": { schema: text } }),
  };
  return {
    summary,
    ...(open && { security: [{}] }),
    ...(parameter && { parameters: [{ name: parameter, in: "path", required: true, schema: text }] }),
    ...(query && {
      parameters: Object.entries(query).map(([name, schema]) => ({ name, in: "query", schema })),
    }),
    ...(request && { requestBody: { required: true, content: json(ref(request)) } }),
    responses: { 200: { description: summary, content }, default: failure },
  };
}

/** GET /docs/openapi.json */
export function openApi(exchange: Exchange): void {
  exchange.send(200, openApiDocument());
}
