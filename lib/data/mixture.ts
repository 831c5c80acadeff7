import { HoneybeeError } from "../errors.js";
import type { Dataset } from "./dataset.js";
import type { Random } from "./random.js";

/** Weights of the released recipe by dataset (paper, Table 12); they sum to 1.003. */
export const RELEASED_WEIGHTS: Readonly<Record<string, number>> = {
  coyo100m: 0.077,
  vqa: 0.103,
  gqa: 0.103,
  ocrvqa: 0.051,
  vsr: 0.026,
  sqa: 0.051,
  aokvqa: 0.103,
  refcoco: 0.103,
  refcocop: 0.103,
  refcocog: 0.103,
  vgloc: 0.051,
  llava150k: 0.103,
  vicuna40k: 0.026,
};

/** Weights, one for each dataset, or a rule that makes them. */
export type Weighting = readonly number[] | "uniform" | "length_ratio";

/**
 * The probability of each dataset.
 *
 * @throws HoneybeeError ERR_OPTION for weights that do not fit the datasets, or that are negative or all zero
 */
export function normaliseWeights(weighting: Weighting, lengths: readonly number[]): number[] {
  const weights =
    weighting === "uniform" ? lengths.map(() => 1) : weighting === "length_ratio" ? lengths : weighting;
  if (!Array.isArray(weights) || weights.length !== lengths.length) {
    const found = Array.isArray(weights) ? `${weights.length} numbers` : JSON.stringify(weights);
    throw new HoneybeeError(
      "ERR_OPTION",
      `weights must be "uniform", "length_ratio" or one number for each of ${lengths.length} datasets, not ${found}`,
    );
  }
  const total = weights.reduce((sum: number, weight: number) => sum + weight, 0);
  if (!weights.every((weight) => weight >= 0) || !(total > 0 && total < Number.POSITIVE_INFINITY)) {
    throw new HoneybeeError(
      "ERR_OPTION",
      `weights must not be negative, nor all zero: ${weights.join(", ")}`,
    );
  }
  return weights.map((weight) => weight / total);
}

/** Several datasets as one (Honeybee reference code): each sample is of a dataset drawn by weight. */
export class Mixture {
  readonly weights: readonly number[];
  /** Items of all datasets together. */
  readonly length: number;

  /** @throws HoneybeeError ERR_OPTION for no datasets, an empty one, or weights that do not fit */
  constructor(
    readonly datasets: readonly Dataset[],
    weighting: Weighting,
  ) {
    const empty = datasets.find(({ length }) => length === 0);
    if (datasets.length === 0 || empty) {
      const what = empty ? `the dataset ${empty.name} has no items` : "a mixture needs at least one dataset";
      throw new HoneybeeError("ERR_OPTION", what);
    }
    const lengths = datasets.map(({ length }) => length);
    this.weights = normaliseWeights(weighting, lengths);
    this.length = lengths.reduce((sum, length) => sum + length, 0);
  }

  /** Samples that one of `workers` processes draws in a pass. "Epoch" has no meaning: items are drawn with replacement. */
  samplesPerPass(workers = 1): number {
    return Math.floor(this.length / workers);
  }

  /** A dataset by weight, and one of its items, with replacement. */
  draw(random: Random): { dataset: Dataset; index: number } {
    const dataset = this.datasets[random.weighted(this.weights)]!;
    return { dataset, index: random.below(dataset.length) };
  }
}
