import { native } from "../native.js";
import type { KvShape, OpsInfo, OpsOptions, WeightFormat } from "./types.js";

export interface NativeResource {
  /** Never given twice in a process. */
  handle: number;
  bytes: number;
}

/** One device of the addon. Every call runs at once, on the calling thread; wrong arguments are errors with a code. */
export interface NativeOps {
  info(): OpsInfo;
  weight(weight: {
    data: Float32Array;
    out: number;
    in: number;
    dtype: WeightFormat;
    layout: "matrix" | "table";
  }): NativeResource;
  kvCache(shape: Required<KvShape>): NativeResource;
  /** A handle that is gone already is no error. */
  free(resource: { weight: number } | { cache: number }): void;
  /**
   * Runs an operation of src/napi/ops_table.cpp once, then `repeat` times by the clock.
   * @returns the answer and milliseconds of each run by the clock
   */
  run(op: string, args: object, repeat: number): object & { samples: Float64Array };
  dispose(): void;
}

interface OpsNative {
  Ops: new (options: OpsOptions & { library?: string | undefined }) => NativeOps;
}

export const opsNative = native as unknown as OpsNative;
