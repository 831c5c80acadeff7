import { Batch, type BatchOptions, type BatchRequest } from "../batch/index.js";
import { checkBoolean, checkNames, checkNumber, checkSignal } from "../check.js";
import type { ModelConfig } from "../checkpoint/index.js";
import { chooseDevice, type DeviceChoice } from "../devices.js";
import { HoneybeeError } from "../errors.js";
import { MAX_DEVICE_PICTURE_BYTES } from "../image/index.js";
import type { EngineStats, NativeImage } from "../native.js";
import type { Profile } from "../profile/types.js";
import { type ChatMessage, checkImageCount, type EncodedPrompt } from "../prompt/index.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { Engine } from "./engine.js";
import { Formats } from "./formats.js";
import { type EndEvent, endError, Generation } from "./generation.js";
import { type AnyImage, nativeImage, PreparedImage, tracePixels } from "./images.js";
import { type ModelInfo, makeInfo } from "./info.js";
import {
  type CheckedGeneration,
  checkBias,
  checkGeneration,
  checkModelOptions,
  type GenerationOptions,
  type ModelOptions,
} from "./options.js";
import { MOST_OPS, type ProfiledModel, ProfileRecording, profileRuns } from "./profiling.js";
import { encodeText, PROMPT_NAMES, type PromptOptions, renderMessages } from "./prompt.js";
import { checkTextLength } from "./prompt-length.js";
import { type ResolvedModel, resolveModel } from "./resolve.js";
import { checkSamples, type SamplingPoints, samplingPoints } from "./sampling-points.js";
import { runSequences } from "./sequences.js";
import { checkKv, nativeSpec } from "./spec.js";
import { VisualTokens } from "./visual-tokens.js";

export type { AnyImage, EngineStats };

export interface ChatRequest extends GenerationOptions, PromptOptions {
  messages: readonly ChatMessage[];
}

export interface GenerateRequest extends GenerationOptions, Pick<PromptOptions, "encoding"> {
  /** Exactly what the model sees, `<image>` where each image goes. */
  prompt: string;
  images?: readonly AnyImage[] | undefined;
}

export interface EncodeOptions {
  signal?: AbortSignal | undefined;
}

/** A request whose time is wanted; `maxTokens` is 32 unless given. */
export type ProfileRequest = (ChatRequest | GenerateRequest) & {
  /** How often it is measured. Default 5. */
  repeats?: number | undefined;
  /** Whether the device's roofs are measured if they are not known yet, which takes a second or two. Default true. */
  roofs?: boolean | undefined;
};

/** A request that was checked, with what its prompt is made of. */
interface ReadRequest {
  checked: CheckedGeneration;
  prompt: { encoded: EncodedPrompt; images: readonly unknown[] };
}

/**
 * A loaded model. Its methods may be called by any number of callers at once; their requests share the engine.
 * Loaded again in another worker thread with the same options, it is the same engine.
 */
export class Model {
  /** What `inspect` shows. */
  readonly info: ModelInfo;
  readonly tokenizer: Tokenizer;
  private readonly config: ModelConfig;
  private readonly formats: Formats;

  private constructor(
    private readonly resolved: ResolvedModel,
    private readonly engine: Engine,
    private readonly options: ModelOptions,
    choice: DeviceChoice,
  ) {
    this.tokenizer = resolved.tokenizer;
    this.config = resolved.config;
    this.formats = new Formats(this.tokenizer);
    this.info = makeInfo(resolved, options, engine.info(), choice);
  }

  static async load(model: string, options: ModelOptions): Promise<Model> {
    checkModelOptions(options);
    const resolved = await resolveModel(model, options);
    const { onProgress, signal } = options;
    const total = readBytes(resolved);
    const report = onProgress && ((bytes: number) => onProgress(total > 0 ? Math.min(1, bytes / total) : 0));
    const load = (choice: DeviceChoice) => {
      checkKv(options, choice);
      return Engine.load(nativeSpec(resolved, options, choice), report, signal);
    };
    let choice = chooseDevice(options.device);
    let engine: Engine;
    try {
      engine = await load(choice);
    } catch (error) {
      const isAuto = (options.device ?? "auto") === "auto" && choice.device !== "cpu";
      if (!isAuto || !isDeviceFailure(error)) throw error;
      choice = { device: "cpu", note: `${choice.device}: ${error.message}` };
      engine = await load(choice);
    }
    try {
      onProgress?.(1);
      return new Model(resolved, engine, options, choice);
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  /** The prompt that `chat` would use, as text with `<image>` where images go. */
  render(messages: readonly ChatMessage[], options: PromptOptions = {}): string {
    checkNames(options, PROMPT_NAMES, "prompt option");
    return renderMessages(this.resolved, messages, options).prompt;
  }

  /**
   * The ids of a raw prompt, or of the prompt that `chat` would use; -1 at visual positions. Images count and are not read.
   *
   * @throws HoneybeeError ERR_OPTION; ERR_CONTEXT_LENGTH for a text that no context could hold
   */
  encode(prompt: string | readonly ChatMessage[], options: PromptOptions = {}): EncodedPrompt {
    checkNames(options, PROMPT_NAMES, "prompt option");
    if (typeof prompt === "string") return this.encodeText(prompt, options, true);
    return this.encodeText(renderMessages(this.resolved, prompt, options).prompt, options, false);
  }

  /** Answers the last message of a conversation. */
  chat(request: ChatRequest): Generation {
    return this.run(async () => this.readChat(request), request);
  }

  /** Continues a raw prompt: no template, no system line. */
  generate(request: GenerateRequest): Generation {
    return this.run(async () => this.readGenerate(request), request);
  }

  /**
   * Where the time of one request goes: each operation with its time, bytes, floating-point operations and the roofs of
   * the device, and what the engine's thread did between them. It runs once to warm up and then `repeats` times, with the
   * same draws and nothing from caches. What other requests do meanwhile is in it too.
   *
   * @throws HoneybeeError as `chat` and `generate`; ERR_OVERLOADED while another profile of this model is being taken
   */
  async profile({ repeats = 5, roofs = true, maxTokens = 32, ...rest }: ProfileRequest): Promise<Profile> {
    checkNumber("repeats", repeats);
    checkBoolean("roofs", roofs);
    this.checkAlive();
    const request = { ...rest, maxTokens };
    const read = "messages" in request ? this.readChat(request) : this.readGenerate(request);
    return profileRuns(this.profiled, { repeats, roofs }, (salt) =>
      this.run(async () => read, request, salt),
    );
  }

  /**
   * Begins a profile of whatever the engine does from now on, for all who share it; `stop` of what this returns ends it.
   * It ends by itself, and says `isCut`, after `mostOps` operations: 2^18 unless told otherwise. Roofs that are not known
   * in this process are measured at its end, on all cores for a second or two, unless `roofs` is false.
   *
   * @throws HoneybeeError ERR_OPTION; ERR_OVERLOADED while another is being taken; ERR_DISPOSED
   */
  startProfile(options: { mostOps?: number; roofs?: boolean } = {}): ProfileRecording {
    checkNames(options, ["mostOps", "roofs"], "option");
    this.checkAlive();
    const measures = checkBoolean("roofs", options.roofs ?? true);
    return new ProfileRecording(this.profiled, checkNumber("mostOps", options.mostOps) ?? MOST_OPS, measures);
  }

  /**
   * Answers many requests, in the order in which they are done. Images are decoded and resized ahead of the engine;
   * `requests` is read only as far as the engine and a bounded look-ahead can use. What fails is an item with `error` and
   * harms no other; leaving the loop or aborting the signal stops everything and calls `return` of `requests`.
   *
   * @throws HoneybeeError ERR_OPTION; while iterating ERR_DISPOSED, the signal's reason, or what `requests` throws
   */
  batch(requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>, options: BatchOptions = {}): Batch {
    this.checkAlive();
    const { vision } = this.config;
    const host = {
      capacity: this.info.maxSequences,
      imageBytes: vision
        ? Math.max(3 * vision.imageSize ** 2, this.resizesImages ? MAX_DEVICE_PICTURE_BYTES : 0)
        : 0,
      prepare: async (image: unknown, name: string, signal: AbortSignal) => {
        if (image instanceof VisualTokens || !vision) return image as object;
        return new PreparedImage(await this.prepare(image, { name, signal }));
      },
      chat: (request: ChatRequest) => this.chat(request),
      generate: (request: GenerateRequest) => this.generate(request),
    };
    return new Batch(host, requests, options);
  }

  /** The visual tokens of an image, usable wherever an image is; encoding is most of an image's cost. */
  async encodeImage(image: AnyImage, options: EncodeOptions = {}): Promise<VisualTokens> {
    const { visualTokens } = await this.encodeOne(image, options, false);
    const { hiddenSize } = this.config.text;
    return new VisualTokens(visualTokens, [visualTokens.length / hiddenSize, hiddenSize]);
  }

  /**
   * Where a D-Abstractor looks at an image: the points at which its last layer samples, of each visual token.
   *
   * @throws HoneybeeError ERR_OPTION for another projector, and for an image that is given as visual tokens
   */
  async samplingPoints(image: AnyImage, options: EncodeOptions = {}): Promise<SamplingPoints> {
    checkSamples(this.config);
    if (image instanceof VisualTokens)
      throw new HoneybeeError("ERR_OPTION", "samplingPoints needs the image itself, not its visual tokens");
    const { trace } = await this.encodeOne(image, options, true);
    const { imageSize, patchSize } = this.config.vision!;
    return samplingPoints(trace ?? [], imageSize / patchSize);
  }

  /** Encodes an image alone. */
  private async encodeOne(image: AnyImage, options: EncodeOptions, trace: boolean) {
    checkNames(options, ["signal"], "option");
    const signal = checkSignal(options.signal);
    signal?.throwIfAborted();
    this.checkAlive();
    if (!this.config.vision)
      throw new HoneybeeError("ERR_OPTION", "this is a text-only model; it encodes no images");
    const prepared = await this.prepare(image, { name: "image 1" });
    signal?.throwIfAborted();
    const end = await new Promise<EndEvent>((resolve, reject) => {
      const request = { ids: new Int32Array(), images: [prepared], stopTokens: [], maxTokens: 0, trace };
      const abort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.engine.submit(request, {
        end: (event) => {
          signal?.removeEventListener("abort", abort);
          resolve(event);
        },
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
    if (end.reason === "error") throw endError(end);
    const { visualTokens } = end;
    if (!visualTokens)
      throw new HoneybeeError("ERR_DISPOSED", "the model was disposed while it encoded an image");
    return { visualTokens, trace: end.trace };
  }

  /**
   * What the engine is doing right now, and counts since it was loaded; cheap enough to be asked for often.
   *
   * @throws HoneybeeError ERR_DISPOSED
   */
  stats(): EngineStats {
    this.checkAlive();
    return this.engine.stats();
  }

  get isDisposed(): boolean {
    return this.engine.isDisposed;
  }

  /** Ends what runs with finishReason "abort", then frees the memory. May be called more than once. */
  dispose(): Promise<void> {
    return this.engine.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private get profiled(): ProfiledModel {
    return { engine: this.engine, info: this.info, options: this.options };
  }

  private checkAlive(): void {
    if (this.engine.isDisposed)
      throw new HoneybeeError("ERR_DISPOSED", "the model has been disposed; load it again");
  }

  private readChat(request: ChatRequest): ReadRequest {
    const checked = checkGeneration(request, ["messages", "trace", ...PROMPT_NAMES]);
    const { prompt, images } = renderMessages(this.resolved, request.messages, request);
    return { checked, prompt: { encoded: this.encodeText(prompt, request, false), images } };
  }

  private readGenerate(request: GenerateRequest): ReadRequest {
    const checked = checkGeneration(request, ["prompt", "images", "trace", "encoding"]);
    const { prompt, images = [] } = request;
    if (typeof prompt !== "string") throw new HoneybeeError("ERR_OPTION", "prompt must be a text");
    if (!Array.isArray(images)) throw new HoneybeeError("ERR_OPTION", "images must be an array of images");
    if (this.config.vision) checkImageCount(prompt, images.length);
    else if (images.length > 0)
      throw new HoneybeeError("ERR_OPTION", "this is a text-only model; leave the images out");
    return { checked, prompt: { encoded: this.encodeText(prompt, request, true), images } };
  }

  private encodeText(text: string, options: PromptOptions, isRaw: boolean): EncodedPrompt {
    checkTextLength(this.tokenizer, text, this.info.context);
    return encodeText(this.resolved, text, options, isRaw);
  }

  /** Whether the device resizes pictures: on the CPU that is better done before the engine's turn. */
  private get resizesImages(): boolean {
    return this.info.device !== "cpu";
  }

  private prepare(
    image: unknown,
    options: { name: string; signal?: AbortSignal; deviceResizes?: boolean },
  ): Promise<NativeImage> {
    const { maxImagePixels: maxPixels } = this.options;
    return nativeImage(image, this.resolved, { maxPixels, deviceResizes: this.resizesImages, ...options });
  }

  /** Starts a generation; whatever goes wrong, early or late, rejects it. */
  private run(
    read: () => Promise<ReadRequest>,
    request: GenerationOptions & { trace?: boolean },
    salt?: number,
  ): Generation {
    const generation = new Generation();
    (async () => {
      this.checkAlive();
      const { checked, prompt } = await read();
      generation.follow(checked.signal);
      checkBias(checked.sampling.biasTokens, this.config.text.vocabSize);
      const { length } = prompt.encoded.ids;
      if (length >= this.info.context) {
        throw new HoneybeeError(
          "ERR_CONTEXT_LENGTH",
          `the prompt has ${length} tokens, images included; the context of ${this.info.context} leaves no room for an answer`,
        );
      }
      const begin = performance.now();
      const images: NativeImage[] = [];
      for (const [i, image] of prompt.images.entries()) {
        if (generation.cancelled) break;
        // Reference points begin with the resized picture.
        const deviceResizes = this.resizesImages && !request.trace;
        images.push(await this.prepare(image, { name: `image ${i + 1}`, deviceResizes }));
      }
      const preprocessMs = performance.now() - begin;
      const format = checked.format && (await this.formats.compile(checked.format));
      const trace = request.trace ? await tracePixels(images, this.resolved) : undefined;
      const { engine, tokenizer, config } = this;
      const loaded = { engine, tokenizer, config, loadMs: this.info.loadMs };
      const prepared = { encoded: prompt.encoded, images, preprocessMs, trace, format, salt };
      runSequences(generation, checked, prepared, loaded);
    })().catch((error) => generation.fail(error));
    return generation;
  }
}

/** What `auto` answers with the CPU: the GPU does not work, or is too small. */
function isDeviceFailure(error: unknown): error is HoneybeeError {
  return error instanceof HoneybeeError && /^ERR_(DEVICE|OUT_OF_MEMORY)$/.test(error.code);
}

/**
 * Loads a model: a folder in any readable layout, `demo` for the small trained model in the package, or `random:NAME`
 * for random weights of a real shape.
 *
 * @throws HoneybeeError ERR_OPTION, ERR_CHECKPOINT, ERR_TOKENIZER, ERR_DEVICE, ERR_OUT_OF_MEMORY
 */
export function loadModel(model: string, options: ModelOptions = {}): Promise<Model> {
  return Model.load(model, options);
}

/** What loading counts: a quantized matrix by the floats that it stands for. */
function readBytes({ checkpoint }: ResolvedModel): number {
  let total = 0;
  for (const { shape, byteLength, quantized } of checkpoint?.tensors.values() ?? [])
    total += quantized ? 4 * shape.reduce((product, side) => product * side, 1) : byteLength;
  return total;
}
