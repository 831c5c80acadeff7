import { checkNames, checkSignal } from "../check.js";
import type { ModelConfig } from "../checkpoint/index.js";
import { HoneybeeError } from "../errors.js";
import { type ImageInput, ImagePart, prepareImage, preprocess } from "../image/index.js";
import type { NativeImage, NativeRequest, TraceTensor } from "../native.js";
import { type ChatMessage, checkImageCount, type EncodedPrompt } from "../prompt/index.js";
import type { Tokenizer } from "../tokenizer/index.js";
import { Engine } from "./engine.js";
import { Answer, type EndEvent, endError, Generation, makeResult } from "./generation.js";
import { type ModelInfo, makeInfo } from "./info.js";
import {
  type CheckedGeneration,
  checkBias,
  checkGeneration,
  checkModelOptions,
  type GenerationOptions,
  type ModelOptions,
} from "./options.js";
import { encodeText, PROMPT_NAMES, type PromptOptions, renderMessages, tokensPerImage } from "./prompt.js";
import { type ResolvedModel, resolveModel } from "./resolve.js";
import { nativeSpec } from "./spec.js";
import { VisualTokens } from "./visual-tokens.js";

/** An image wherever one is taken. */
export type AnyImage = ImageInput | ImagePart | VisualTokens;

export interface ChatRequest extends GenerationOptions, PromptOptions {
  messages: readonly ChatMessage[];
}

export interface GenerateRequest extends GenerationOptions, Pick<PromptOptions, "encoding"> {
  /** Exactly what the model sees, `<image>` where each image goes. */
  prompt: string;
  images?: readonly AnyImage[] | undefined;
}

/** What a request is made of once its text is known. */
interface Prompt {
  encoded: EncodedPrompt;
  images: readonly unknown[];
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

  private constructor(
    private readonly resolved: ResolvedModel,
    private readonly engine: Engine,
    private readonly options: ModelOptions,
  ) {
    this.tokenizer = resolved.tokenizer;
    this.config = resolved.config;
    this.info = makeInfo(resolved, options, engine.info());
  }

  static async load(model: string, options: ModelOptions): Promise<Model> {
    checkModelOptions(options);
    const resolved = await resolveModel(model, options);
    const spec = nativeSpec(resolved, options);
    const { onProgress, signal } = options;
    let total = 0;
    for (const tensor of resolved.checkpoint?.tensors.values() ?? []) total += tensor.byteLength;
    const report = onProgress && ((bytes: number) => onProgress(total > 0 ? Math.min(1, bytes / total) : 0));
    const engine = await Engine.load(spec, report, signal);
    try {
      onProgress?.(1);
      return new Model(resolved, engine, options);
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

  /** Answers the last message of a conversation. */
  chat(request: ChatRequest): Generation {
    return this.run(async () => {
      const checked = checkGeneration(request, ["messages", "trace", ...PROMPT_NAMES]);
      const { prompt, images } = renderMessages(this.resolved, request.messages, request);
      return { checked, prompt: { encoded: encodeText(this.resolved, prompt, request, false), images } };
    }, request);
  }

  /** Continues a raw prompt: no template, no system line. */
  generate(request: GenerateRequest): Generation {
    return this.run(async () => {
      const checked = checkGeneration(request, ["prompt", "images", "trace", "encoding"]);
      const { prompt, images = [] } = request;
      if (typeof prompt !== "string") throw new HoneybeeError("ERR_OPTION", "prompt must be a text");
      if (!Array.isArray(images)) throw new HoneybeeError("ERR_OPTION", "images must be an array of images");
      if (this.config.vision) checkImageCount(prompt, images.length);
      else if (images.length > 0)
        throw new HoneybeeError("ERR_OPTION", "this is a text-only model; leave the images out");
      return { checked, prompt: { encoded: encodeText(this.resolved, prompt, request, true), images } };
    }, request);
  }

  /** The visual tokens of an image, usable wherever an image is; encoding is most of an image's cost. */
  async encodeImage(image: AnyImage, options: { signal?: AbortSignal } = {}): Promise<VisualTokens> {
    checkNames(options, ["signal"], "option");
    const signal = checkSignal(options.signal);
    signal?.throwIfAborted();
    this.checkAlive();
    if (!this.config.vision)
      throw new HoneybeeError("ERR_OPTION", "this is a text-only model; it encodes no images");
    const prepared = await this.prepare(image, "image 1");
    signal?.throwIfAborted();
    const end = await new Promise<EndEvent>((resolve, reject) => {
      const request = { ids: new Int32Array(), images: [prepared], stopTokens: [], maxTokens: 0 };
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
    if (!end.visualTokens)
      throw new HoneybeeError("ERR_DISPOSED", "the model was disposed while it encoded an image");
    const { hiddenSize } = this.config.text;
    return new VisualTokens(end.visualTokens, [end.visualTokens.length / hiddenSize, hiddenSize]);
  }

  /** Ends what runs with finishReason "abort", then frees the memory. May be called more than once. */
  dispose(): Promise<void> {
    return this.engine.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private checkAlive(): void {
    if (this.engine.isDisposed)
      throw new HoneybeeError("ERR_DISPOSED", "the model has been disposed; load it again");
  }

  private async prepare(image: unknown, name: string): Promise<NativeImage> {
    const source = image instanceof ImagePart ? image.source : image;
    if (source instanceof VisualTokens) {
      const { data, shape } = source;
      const expected = [tokensPerImage(this.resolved), this.config.text.hiddenSize];
      if (shape[0] === expected[0] && shape[1] === expected[1]) return { tokens: data };
      throw new HoneybeeError(
        "ERR_IMAGE",
        `${name} is visual tokens of shape [${shape}]; this model's are [${expected}], so another model encoded it`,
      );
    }
    return { rgb: await prepareImage(source as ImageInput, this.config, this.options.maxImagePixels, name) };
  }

  /** Starts a generation; whatever goes wrong, early or late, rejects it. */
  private run(
    read: () => Promise<{ checked: CheckedGeneration; prompt: Prompt }>,
    request: GenerationOptions & { trace?: boolean },
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
        images.push(await this.prepare(image, `image ${i + 1}`));
      }
      const preprocessMs = performance.now() - begin;
      const trace = request.trace ? await this.tracePixels(images) : undefined;
      this.submit(generation, checked, prompt, images, preprocessMs, trace);
    })().catch((error) => generation.fail(error));
    return generation;
  }

  private submit(
    generation: Generation,
    checked: CheckedGeneration,
    prompt: Prompt,
    images: NativeImage[],
    preprocessMs: number,
    trace: TraceTensor[] | undefined,
  ): void {
    const { ids } = prompt.encoded;
    const imageTokens = ids.reduce((count, id) => count + (id < 0 ? 1 : 0), 0);
    const answers = Array.from(
      { length: checked.n },
      (_, i) => new Answer(i, this.tokenizer, checked.stop, checked.minTokens, checked.logprobs >= 0),
    );
    let running = answers.length;
    const finish = () => {
      const before = { loadMs: this.info.loadMs, preprocessMs };
      const result = makeResult(answers, { tokens: ids.length, imageTokens }, before);
      const record = answers[0]!.trace;
      generation.finish(
        record
          ? Object.assign(result, {
              trace: this.traceOf([...trace!, ...record.tensors], record.logits, prompt, result.tokens),
            })
          : result,
      );
    };
    if (generation.cancelled) {
      finish();
      return;
    }
    const request: Omit<NativeRequest, "id"> = {
      ...checked.sampling,
      ids: Int32Array.from(ids),
      images,
      // Official Honeybee generation starts from embeddings, so penalties see generated tokens only; other families' see the prompt.
      history: this.config.family === "honeybee" ? undefined : Int32Array.from(ids.filter((id) => id >= 0)),
      stopTokens: checked.ignoreEos ? [] : this.config.text.eosIds,
      maxTokens: checked.maxTokens,
      minTokens: checked.minTokens,
      logprobs: checked.logprobs,
      trace: trace !== undefined,
      rawLogits: trace ? checked.maxTokens : 0,
    };
    const cancels = answers.map((answer) => {
      const cancel = this.engine.submit(
        { ...request, sequence: answer.index },
        {
          token: (event) => {
            const pushed = answer.push(event);
            if (!pushed) return;
            generation.push(pushed.chunk);
            if (pushed.stopped) cancel();
          },
          end: (event) => {
            if (event.reason === "error") {
              generation.fail(endError(event));
              for (const other of cancels) other();
              return;
            }
            const last = answer.end(event);
            if (last) generation.push(last);
            if (--running === 0) finish();
          },
        },
      );
      return cancel;
    });
    generation.cancelWith(() => {
      for (const cancel of cancels) cancel();
    });
  }

  /** The reference point image.pixels: [I, 3, S, S] of the images that come as pixels. */
  private async tracePixels(images: readonly NativeImage[]): Promise<TraceTensor[]> {
    const { vision } = this.config;
    const seen = images.flatMap(({ rgb }) => (rgb ? [rgb] : []));
    if (!vision || seen.length === 0) return [];
    const { imageSize: size, imageMean: mean, imageStd: std } = vision;
    const each = 3 * size * size;
    const values = new Float32Array(seen.length * each);
    for (const [i, data] of seen.entries()) {
      const { pixelValues } = await preprocess(
        { data, width: size, height: size, channels: 3 },
        { size, mean, std },
      );
      values.set(pixelValues, i * each);
    }
    return [{ name: "image.pixels", shape: [seen.length, 3, size, size], values }];
  }

  private traceOf(
    tensors: TraceTensor[],
    logits: Float32Array,
    { encoded }: Prompt,
    tokens: readonly number[],
  ) {
    const { vocabSize } = this.config.text;
    return {
      tensors: [
        ...tensors,
        { name: "prompt.ids", shape: [encoded.ids.length], values: Int32Array.from(encoded.ids) },
        { name: "generate.ids", shape: [tokens.length], values: Int32Array.from(tokens) },
        { name: "generate.logits", shape: [logits.length / vocabSize, vocabSize], values: logits },
      ],
    };
  }
}

/**
 * Loads a model: a folder in any readable layout, or `random:NAME` for random weights of a real shape.
 *
 * @throws HoneybeeError ERR_OPTION, ERR_CHECKPOINT, ERR_TOKENIZER, ERR_DEVICE, ERR_OUT_OF_MEMORY
 */
export function loadModel(model: string, options: ModelOptions = {}): Promise<Model> {
  return Model.load(model, options);
}
