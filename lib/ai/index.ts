import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3FinishReason,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
  SharedV3Warning,
} from "@ai-sdk/provider";
import { optionError } from "../check.js";
import type { Generation, GenerationResult } from "../model/generation.js";
import type { ChatRequest, Model } from "../model/model.js";
import { chatMessages } from "./messages.js";

/** Options of every answer, where a call of the AI SDK does not say otherwise. */
export type HoneybeeSettings = Omit<ChatRequest, "messages" | "signal" | "n">;

/**
 * A loaded model for the AI SDK: `generateText({ model: honeybee(model), prompt })`. It computes in this process; nothing
 * is sent anywhere. Pictures are file parts of the user's messages. Tools are not called; a call that offers some is
 * answered with a warning.
 */
export function honeybee(model: Model, settings: HoneybeeSettings = {}): LanguageModelV3 {
  const start = (options: LanguageModelV3CallOptions): Generation =>
    model.chat({
      ...settings,
      ...generationOptions(options),
      messages: chatMessages(options.prompt),
    } as ChatRequest);
  return {
    specificationVersion: "v3",
    provider: "honeybee",
    modelId: model.info.model,
    // URLs of other hosts are fetched by the SDK.
    supportedUrls: {},
    async doGenerate(options) {
      const result = await start(options).result;
      return {
        content: [{ type: "text", text: result.text }],
        finishReason: finishReason(result),
        usage: usageOf(result),
        warnings: warningsOf(options),
        response: { modelId: model.info.model, timestamp: new Date() },
      };
    },
    async doStream(options) {
      const generation = start(options);
      return { stream: streamOf(generation, parts(generation, warningsOf(options))) };
    },
  };
}

const ID = "answer";

/** Cancelling the stream ends the answer, also before anything was read. */
function streamOf(
  generation: Generation,
  parts: AsyncGenerator<LanguageModelV3StreamPart>,
): ReadableStream<LanguageModelV3StreamPart> {
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await parts.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await generation.return();
    },
  });
}

async function* parts(
  generation: Generation,
  warnings: SharedV3Warning[],
): AsyncGenerator<LanguageModelV3StreamPart> {
  yield { type: "stream-start", warnings };
  yield { type: "text-start", id: ID };
  for await (const { text } of generation) if (text !== "") yield { type: "text-delta", id: ID, delta: text };
  const result = await generation.result;
  yield { type: "text-end", id: ID };
  yield { type: "finish", finishReason: finishReason(result), usage: usageOf(result) };
}

/** What a call gives; what it leaves out stays to the settings. */
function generationOptions(options: LanguageModelV3CallOptions): object {
  const { maxOutputTokens, stopSequences, abortSignal, responseFormat } = options;
  const { temperature, topP, topK, presencePenalty, frequencyPenalty, seed } = options;
  const all = {
    maxTokens: maxOutputTokens,
    stop: stopSequences,
    temperature,
    topP,
    topK,
    presencePenalty,
    frequencyPenalty,
    seed,
    signal: abortSignal,
    responseFormat: formatOf(responseFormat),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function formatOf(format: LanguageModelV3CallOptions["responseFormat"]): object | undefined {
  if (!format || format.type === "text") return undefined;
  if (format.type !== "json") throw optionError(`responseFormat: unknown type ${JSON.stringify(format)}`);
  const { schema, name, description } = format;
  return schema
    ? { type: "json_schema", json_schema: { schema, name, description } }
    : { type: "json_object" };
}

function warningsOf({ tools, toolChoice }: LanguageModelV3CallOptions): SharedV3Warning[] {
  if (!tools || tools.length === 0 || toolChoice?.type === "none") return [];
  return [{ type: "unsupported", feature: "tools", details: "this model calls no tools" }];
}

function finishReason({ finishReason: raw }: GenerationResult): LanguageModelV3FinishReason {
  return { unified: raw === "abort" ? "other" : raw, raw };
}

function usageOf({ usage }: GenerationResult): LanguageModelV3Usage {
  const { promptTokens, imageTokens, cachedTokens, completionTokens } = usage;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: completionTokens, text: completionTokens, reasoning: undefined },
    raw: { promptTokens, imageTokens, cachedTokens, completionTokens },
  };
}
