import type { ProfileRoofs } from "./types.js";

/** Numbers with their units, as people read them. */

export const milliseconds = (ms: number): string => `${ms.toFixed(ms < 1 ? 3 : 1)} ms`;

/** @param gigabytes a second */
export const byteRate = (gigabytes: number): string => `${gigabytes.toFixed(1)} GB/s`;

/** @param gigaflops a second */
export function flopRate(gigaflops: number): string {
  return gigaflops < 1000 ? `${gigaflops.toFixed(1)} GFLOP/s` : `${(gigaflops / 1000).toFixed(2)} TFLOP/s`;
}

/** @param share 1 is all */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** "82 % (memory)"; a dash where it is not known. */
export function rooflineText(share: number | null, roof: string | null): string {
  return share === null ? "–" : `${percent(share, 0)} (${roof})`;
}

/** "1,234,567", whatever the language of the machine. */
export const grouped = (count: number): string => count.toLocaleString("en-US");

/** "memory 20.1 GB/s, products 100.0 GFLOP/s in f32" */
export function roofText({ bytesPerSecond, flopsPerSecond }: ProfileRoofs): string {
  const products = Object.entries(flopsPerSecond).map(
    ([dtype, rate]) => `${flopRate(rate / 1e9)} in ${dtype}`,
  );
  return `memory ${byteRate(bytesPerSecond / 1e9)}, products ${products.join(", ")}`;
}
