import { HoneybeeError } from "../errors.js";
import { preprocess } from "../image/index.js";
import { encodePrompt } from "../prompt/index.js";
import type { Tokenizer } from "../tokenizer/index.js";
import type { Dataset, TrainingText } from "./dataset.js";
import type { Mixture } from "./mixture.js";
import { type Problem, Problems } from "./problems.js";
import { Random } from "./random.js";

/** What a trainer learns from, ready for a batch. */
export interface ReadySample {
  /** BOS first; -1 at visual positions. */
  ids: number[];
  /** The id where it is learnt, -100 elsewhere; as long as `ids`. */
  labels: number[];
  /** float32 [3, size, size], normalised as CLIP's; null for text alone. */
  pixelValues: Float32Array | null;
}

export interface StreamOptions {
  tokenizer: Tokenizer;
  /** Ids that each image takes. */
  visualTokens: number;
  /** Pixels a side of the pictures. */
  imageSize: number;
  /** Most ids, BOS not counted; default 1024, as in pre-training (the released fine-tuning has 1023). */
  maxLength?: number;
  /** Default 0. */
  seed?: number;
}

/** An endless stream of samples of a mixture. */
export class SampleStream implements AsyncIterable<ReadySample> {
  readonly #problems = new Problems();

  constructor(
    private readonly mixture: Mixture,
    private readonly options: StreamOptions,
  ) {}

  /** What could not be loaded so far, and what is wrong with the files. */
  get problems(): Problem[] {
    return [...this.mixture.datasets.flatMap(({ problems }) => problems), ...this.#problems.list()];
  }

  /** @throws HoneybeeError ERR_OPTION when no item of a dataset can be loaded */
  async *[Symbol.asyncIterator](): AsyncGenerator<ReadySample> {
    const random = new Random(this.options.seed ?? 0);
    for (;;) {
      const { dataset, index } = this.mixture.draw(random);
      yield await this.#load(dataset, index, random);
    }
  }

  /** The item, or the first after it that can be loaded, as the reference code has it. */
  async #load(dataset: Dataset, index: number, random: Random): Promise<ReadySample> {
    for (let step = 0; step < dataset.length; step++) {
      const at = (index + step) % dataset.length;
      const text = dataset.get(at, random);
      try {
        return await this.#ready(text);
      } catch (error) {
        if (!(error instanceof HoneybeeError) || error.code !== "ERR_IMAGE") throw error;
        this.#problems.add("image cannot be read", `${dataset.name}, item ${at}: ${error.message}`);
      }
    }
    const message = `no item of ${dataset.name} can be loaded; the first failure: ${this.#problems.list()[0]?.first}`;
    throw new HoneybeeError("ERR_OPTION", message);
  }

  async #ready({ image, text }: TrainingText): Promise<ReadySample> {
    const { tokenizer, visualTokens, imageSize, maxLength = 1024 } = this.options;
    const pixelValues = image === null ? null : (await preprocess(image, { size: imageSize })).pixelValues;
    const { ids, labels } = encodePrompt(tokenizer, text, { visualTokens, maxLength, inference: false });
    return { ids, labels, pixelValues };
  }
}
