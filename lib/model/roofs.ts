import type { NativeRates } from "../native.js";
import type { ProfileRoofs } from "../profile/types.js";
import type { ModelOptions } from "./options.js";
import { measureRates, roofsOf } from "./roofline.js";
import type { WeightDtype } from "./spec.js";

/** What was measured in this process, by device and dtype. */
const measured = new Map<string, Promise<NativeRates>>();

/**
 * The roofs of a device for products of these dtypes, measured at most once a process.
 *
 * @param mayMeasure whether the device does nothing else, and it may be measured
 * @returns null where they are not known and cannot be measured now
 */
export async function deviceRoofs(
  options: ModelOptions,
  dtypes: readonly WeightDtype[],
  mayMeasure: () => boolean,
): Promise<ProfileRoofs | null> {
  if (options.device === "simt") return null;
  const rates: Partial<Record<WeightDtype, NativeRates>> = {};
  for (const dtype of dtypes) {
    const key = JSON.stringify([options.device, options.threads, options.batchInvariant, dtype]);
    if (!measured.has(key)) {
      if (!mayMeasure()) return null;
      measured.set(key, ratesOf(options, dtype));
    }
    try {
      rates[dtype] = await measured.get(key)!;
    } catch {
      // A device that is full has no room to be measured in; there may be some later.
      measured.delete(key);
      return null;
    }
  }
  return roofsOf(rates);
}

async function ratesOf(options: ModelOptions, dtype: WeightDtype): Promise<NativeRates> {
  const { [dtype]: rates } = await measureRates(options, [dtype]);
  return rates!;
}
