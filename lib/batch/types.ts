import type { Generation, GenerationResult } from "../model/generation.js";
import type { ChatRequest, GenerateRequest } from "../model/model.js";

/** A request of a batch: that of `chat` (with `messages`) or of `generate` (with a raw `prompt`), and its name. */
export type BatchRequest = (ChatRequest | GenerateRequest) & {
  /** Given back with the result, and nothing else. Default: the position among the requests, from 0. */
  id?: string | number | undefined;
};

/** What became of a request. */
export type BatchResult =
  | ({ id: string | number; error?: undefined } & GenerationResult)
  | {
      id: string | number;
      /** `code` is that of a HoneybeeError, ERR_UNKNOWN if the failure has none. */
      error: { code: string; message: string };
    };

export interface BatchOptions {
  /** Stops everything; the iterator rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Most bytes of images that are kept ready for the engine. Default 64 MiB. */
  prefetchBytes?: number | undefined;
}

/** How far a batch is. */
export interface BatchStats {
  /** Requests answered, and of those given up with an error. */
  answered: number;
  failed: number;
  /** Images of answered requests. */
  images: number;
  promptTokens: number;
  completionTokens: number;
  /** How long the engine had nothing to do because images were not ready, the first ones not counted. */
  imageWaitMs: number;
}

/** What a batch needs of its model. */
export interface BatchHost {
  /** Requests that the engine runs at once. */
  capacity: number;
  /** Of a prepared image. */
  imageBytes: number;
  /** Decodes and resizes an image; the result stands for it in a request. */
  prepare(image: unknown, name: string, signal: AbortSignal): Promise<object>;
  chat(request: ChatRequest): Generation;
  generate(request: GenerateRequest): Generation;
}
