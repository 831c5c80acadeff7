import { checkBoolean, checkNames, checkNumber, optionError } from "../check.js";
import { chooseDevice } from "../devices.js";
import { callNative } from "../native.js";
import { type NativeOps, opsNative } from "./native.js";
import { KvCache, resourceHandle, Weight } from "./resources.js";
import type { FloatDtype, KvShape, Matrix, OpsInfo, OpsOptions, OpTiming, WeightFormat } from "./types.js";

/** What the operations stand on: one open device, the weights and caches on it, the clock. */
export abstract class OpsDevice {
  readonly #native: NativeOps;
  #repeat = 0;
  #timings: OpTiming[] = [];
  readonly info: OpsInfo;

  /** @internal see `openOps` */
  constructor(options: OpsOptions = {}) {
    checkNames(options, ["device", "threads", "isa", "batchInvariant"], "ops option");
    const { device = "cpu", threads, isa, batchInvariant } = options;
    checkNumber("threads", threads);
    checkBoolean("batchInvariant", batchInvariant);
    const choice = chooseDevice(device);
    this.#native = callNative(() => new opsNative.Ops({ ...choice, threads, isa, batchInvariant }));
    this.info = Object.freeze(callNative(() => this.#native.info()));
  }

  /**
   * Puts a weight on the device, packed for `linear`. `embed` reads it too, as models with tied heads do.
   *
   * @param data row-major [out, in], not kept
   * @param dtype rounds the values and decides the product: f32 and f16 multiply in float, bf16 may round the
   *     activations to bf16 inside the product
   * @throws HoneybeeError ERR_OPTION, ERR_OUT_OF_MEMORY
   */
  weight(
    data: Float32Array,
    shape: readonly [out: number, inputs: number],
    dtype: WeightFormat = "f32",
  ): Weight {
    return this.#load(data, shape, dtype, "matrix");
  }

  /**
   * Puts an embedding table on the device, kept as rows: for `embed` only.
   *
   * @param data row-major [rows, cols], not kept
   * @throws HoneybeeError ERR_OPTION, ERR_OUT_OF_MEMORY
   */
  table(data: Float32Array, shape: readonly [rows: number, cols: number], dtype: FloatDtype = "f32"): Weight {
    return this.#load(data, shape, dtype, "table");
  }

  /** @throws HoneybeeError ERR_OPTION, ERR_OUT_OF_MEMORY */
  kvCache(shape: KvShape): KvCache {
    checkNames(shape, ["layers", "kvHeads", "headDim", "blocks", "dtype"], "KV cache option");
    const { layers, kvHeads, headDim, blocks, dtype = "f32" } = shape;
    const whole = Object.freeze({ layers, kvHeads, headDim, blocks, dtype });
    const resource = callNative(() => this.#native.kvCache(whole));
    return new KvCache(whole, this, resource, (cache) => this.#native.free({ cache }));
  }

  /**
   * Times the operations that a function calls: each runs once to warm up and give its result, then `repeat` times by
   * the device's side of the boundary. Its arguments lie on the device and are the same in every run; what crosses the
   * boundary is not timed. A run ends when a row of the result has reached the host.
   *
   * @param body called once; must not be async, for the clock stops when it returns
   * @param options.repeat runs by the clock, 1 to 1,000,000. Default 10.
   * @returns what the function returned, and one timing for each operation it called, in order
   */
  timed<T>(body: () => T, { repeat = 10 }: { repeat?: number } = {}): { result: T; timings: OpTiming[] } {
    checkNumber("repeat", repeat);
    const [outerRepeat, outerTimings] = [this.#repeat, this.#timings];
    const timings: OpTiming[] = [];
    this.#repeat = repeat;
    this.#timings = timings;
    try {
      const result = body();
      if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
        throw optionError("timed: the function must not be async, for the clock stops when it returns");
      }
      return { result, timings };
    } finally {
      this.#repeat = outerRepeat;
      this.#timings = outerTimings;
    }
  }

  /** Gives the device and all that is on it back; whatever is called afterwards throws ERR_DISPOSED. */
  dispose(): void {
    this.#native.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Runs an operation of the native table; only what is a weight or cache is looked at here. */
  protected run<Answer = Matrix>(op: string, args: object): Answer {
    const { samples, ...result } = callNative(() => this.#native.run(op, args, this.#repeat));
    if (samples.length > 0) this.#timings.push({ op, ms: median(samples), samples });
    return result as Answer;
  }

  protected weightHandle(weight: unknown, name: string): number {
    return resourceHandle(Weight, weight, this, name);
  }

  protected cacheHandle(cache: unknown): number {
    return resourceHandle(KvCache, cache, this, "cache");
  }

  #load(
    data: Float32Array,
    shape: readonly [out: number, inputs: number],
    dtype: WeightFormat,
    layout: "matrix" | "table",
  ): Weight {
    if (!Array.isArray(shape) || shape.length !== 2) {
      throw optionError("the shape of a weight must be an array of its rows and columns");
    }
    const [rows, cols] = shape;
    const weight = { data, out: rows, in: cols, dtype, layout };
    const resource = callNative(() => this.#native.weight(weight));
    return new Weight([rows, cols], dtype, this, resource, (handle) => this.#native.free({ weight: handle }));
  }
}

function median(samples: Float64Array): number {
  return samples.toSorted()[samples.length >> 1]!;
}
