export type { Batch, BatchOptions, BatchRequest, BatchResult, BatchStats } from "./batch/index.js";
export { type ErrorCode, HoneybeeError } from "./errors.js";
export { type ImageInput, ImagePart, image, type PreprocessOptions, preprocess } from "./image/index.js";
export type {
  Choice,
  Chunk,
  FinishReason,
  Generation,
  GenerationResult,
  GenerationTimings,
  PromptLogprob,
  TokenLogprob,
  Usage,
} from "./model/generation.js";
export type { ModelDescription, ModelInfo } from "./model/info.js";
export {
  type AnyImage,
  type ChatRequest,
  type EngineStats,
  type GenerateRequest,
  loadModel,
  type Model,
  type ProfileRequest,
} from "./model/model.js";
export type { GenerationOptions, ModelOptions } from "./model/options.js";
export type { ProfileRecording } from "./model/profiling.js";
export type { PromptOptions } from "./model/prompt.js";
export type { JsonSchema, ResponseFormat } from "./model/response-format.js";
export { VisualTokens } from "./model/visual-tokens.js";
export { warpLogits } from "./model/warp.js";
export {
  type ChatMessage,
  type EncodedPrompt,
  type EncodePromptOptions,
  encodePrompt,
  renderTemplate,
  type TemplateFields,
  type TemplateOptions,
} from "./prompt/index.js";
export { loadTokenizer, type Tokenizer, type TokenStream } from "./tokenizer/index.js";
