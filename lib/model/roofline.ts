import { chooseDevice } from "../devices.js";
import { awaitNative, type NativeRates, native } from "../native.js";
import { type LeastTime, leastTime, type Work } from "../profile/roofline.js";
import type { ProfileRoofs } from "../profile/types.js";
import type { ModelOptions } from "./options.js";
import type { WeightDtype } from "./spec.js";

/** What a device reaches, measured on it; by the dtype of the weights, as far as they were measured. */
export type Rates = Partial<Record<WeightDtype, NativeRates>>;

/** How near a measured time comes to what the device allows. */
export interface Achieved extends Omit<LeastTime, "leastMs"> {
  /** 10⁹ bytes that the work cannot avoid moving. */
  gigabytes: number;
  /** 10⁹ floating-point operations that it cannot avoid. */
  gigaflops: number;
  gigabytesPerSecond: number;
  gigaflopsPerSecond: number;
  /** Its least time below the roofs divided by the time it took: 1 is as fast as the device's own copies and products. */
  rooflineShare: number;
}

/**
 * Measures copies, weight reads and products on the device that these options name, on a thread of its own. Takes about
 * a second on a CPU, and 256 MiB of memory.
 *
 * @throws HoneybeeError ERR_OPTION, ERR_DEVICE, ERR_OUT_OF_MEMORY
 */
export async function measureRates(options: ModelOptions, dtypes: Iterable<WeightDtype>): Promise<Rates> {
  const { threads, batchInvariant = false } = options;
  const { device, library } = chooseDevice(options.device);
  const rates: Rates = {};
  for (const weights of dtypes) {
    rates[weights] = await awaitNative(() =>
      native.measureRates({ device, library, threads, batchInvariant, weights }),
    );
  }
  return rates;
}

/** Bytes a second: the best of all copies and reads, since what moves them is the same memory for every dtype. */
export function bandwidth(rates: Rates): number {
  return Math.max(...Object.values(rates).flatMap(({ copy, read }) => [copy, read]));
}

/** The measured rates as the roofs of a profile. */
export function roofsOf(rates: Rates): ProfileRoofs {
  const products = Object.entries(rates).map(([dtype, { product }]) => [dtype, product]);
  return { bytesPerSecond: bandwidth(rates), flopsPerSecond: Object.fromEntries(products) };
}

/** @param ms measured time of work that costs `cost`; `rates` has every dtype that it computes in */
export function achieved(cost: Work, rates: Rates, ms: number): Achieved {
  const { leastMs, ...least } = leastTime(cost, roofsOf(rates))!;
  const flops = Object.values(cost.flops).reduce((sum, count) => sum + count, 0);
  return {
    gigabytes: cost.bytes / 1e9,
    gigaflops: flops / 1e9,
    gigabytesPerSecond: cost.bytes / 1e6 / ms,
    gigaflopsPerSecond: flops / 1e6 / ms,
    ...least,
    rooflineShare: leastMs / ms,
  };
}
