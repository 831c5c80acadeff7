import type { ProfileRoofs } from "./types.js";

/** What a piece of work cannot avoid. */
export interface Work {
  bytes: number;
  /** Floating-point operations by the dtype that they are computed in. */
  flops: Readonly<Record<string, number>>;
}

/** The least time that work takes below the roofs of a device. */
export interface LeastTime {
  /** Milliseconds that the bytes alone take at the device's bandwidth. */
  memoryMs: number;
  /** Milliseconds that the operations alone take at the device's product rates. */
  computeMs: number;
  /** The longer of the two: memory and arithmetic may overlap. */
  leastMs: number;
  /** Which of the two is longer, and so binds. */
  roof: "memory" | "compute";
}

/**
 * The roofline model (Williams, Waterman and Patterson 2009) in terms of time.
 *
 * @returns undefined where the rate of a dtype that the work computes in was not measured
 */
export function leastTime({ bytes, flops }: Work, roofs: ProfileRoofs): LeastTime | undefined {
  const memoryMs = (bytes / roofs.bytesPerSecond) * 1000;
  let computeMs = 0;
  for (const [dtype, count] of Object.entries(flops)) {
    if (count === 0) continue;
    const rate = roofs.flopsPerSecond[dtype];
    if (rate === undefined) return undefined;
    computeMs += (count / rate) * 1000;
  }
  const roof = memoryMs > computeMs ? "memory" : "compute";
  return { memoryMs, computeMs, leastMs: Math.max(memoryMs, computeMs), roof };
}
