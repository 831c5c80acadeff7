import { chooseDevice } from "../devices.js";
import { HoneybeeError } from "../errors.js";
import { type NativeRates, native } from "../native.js";
import type { Cost } from "./cost.js";
import type { ModelOptions } from "./options.js";
import type { WeightDtype } from "./spec.js";

/** What a device reaches, measured on it; by the dtype of the weights, as far as they were measured. */
export type Rates = Partial<Record<WeightDtype, NativeRates>>;

/** How near a measured time comes to what the device allows. */
export interface Achieved {
  /** 10⁹ bytes that the work cannot avoid moving. */
  gigabytes: number;
  /** 10⁹ floating-point operations that it cannot avoid. */
  gigaflops: number;
  gigabytesPerSecond: number;
  gigaflopsPerSecond: number;
  /** Milliseconds that the bytes alone take at the device's bandwidth. */
  memoryMs: number;
  /** Milliseconds that the operations alone take at the device's product rates. */
  computeMs: number;
  /** Which of the two is longer, and so binds. */
  roof: "memory" | "compute";
  /** The longer of the two divided by the time it took: 1 is as fast as the device's own copies and products. */
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
    try {
      rates[weights] = await native.measureRates({ device, library, threads, batchInvariant, weights });
    } catch (error) {
      const { code, message } = error as HoneybeeError;
      throw new HoneybeeError(code ?? "ERR_DEVICE", message, { cause: error });
    }
  }
  return rates;
}

/** Bytes a second: the best of all copies and reads, since what moves them is the same memory for every dtype. */
export function bandwidth(rates: Rates): number {
  return Math.max(...Object.values(rates).flatMap(({ copy, read }) => [copy, read]));
}

/** @param ms measured time of work that costs `cost`; `rates` has every dtype that it computes in */
export function achieved(cost: Cost, rates: Rates, ms: number): Achieved {
  const memoryMs = (cost.bytes / bandwidth(rates)) * 1000;
  let flops = 0;
  let computeMs = 0;
  for (const [dtype, count] of Object.entries(cost.flops) as [WeightDtype, number][]) {
    if (count === 0) continue;
    flops += count;
    computeMs += (count / rates[dtype]!.product) * 1000;
  }
  return {
    gigabytes: cost.bytes / 1e9,
    gigaflops: flops / 1e9,
    gigabytesPerSecond: cost.bytes / 1e6 / ms,
    gigaflopsPerSecond: flops / 1e6 / ms,
    memoryMs,
    computeMs,
    roof: memoryMs > computeMs ? "memory" : "compute",
    rooflineShare: Math.max(memoryMs, computeMs) / ms,
  };
}
