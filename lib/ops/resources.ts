import { optionError } from "../check.js";
import { HoneybeeError } from "../errors.js";
import type { KvShape, WeightFormat } from "./types.js";

/** Something on a device that an operation takes by its handle. */
abstract class Resource {
  readonly #owner: object;
  readonly #handle: number;
  readonly #free: (handle: number) => void;
  #isDisposed = false;
  /** Memory of the device that it takes. */
  readonly bytes: number;

  /** @internal made by Ops */
  constructor(
    owner: object,
    { handle, bytes }: { handle: number; bytes: number },
    free: (handle: number) => void,
  ) {
    this.#owner = owner;
    this.#handle = handle;
    this.#free = free;
    this.bytes = bytes;
  }

  /** Gives its memory back. May be called more than once; `Ops.dispose` does it for all that is left. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free(this.#handle);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * @internal
   * @param name what the argument is called in messages
   * @throws HoneybeeError ERR_OPTION unless it was made by this owner, ERR_DISPOSED after dispose
   */
  static handle(
    kind: typeof Weight | typeof KvCache,
    resource: unknown,
    owner: object,
    name: string,
  ): number {
    if (!(resource instanceof kind)) {
      const maker = kind === Weight ? "ops.weight or ops.table" : "ops.kvCache";
      throw optionError(`${name} must be made by ${maker}`);
    }
    if (resource.#owner !== owner) {
      throw optionError(`${name} was made by other ops; make it with those that use it`);
    }
    if (resource.#isDisposed) throw new HoneybeeError("ERR_DISPOSED", `${name} has been disposed`);
    return resource.#handle;
  }
}

/** A matrix [out, in] on a device, in the layout that its products read. */
export class Weight extends Resource {
  readonly shape: readonly [out: number, inputs: number];
  /** Of the stored values, and so of the product. */
  readonly dtype: WeightFormat;

  /** @internal */
  constructor(
    shape: readonly [out: number, inputs: number],
    dtype: WeightFormat,
    ...resource: ConstructorParameters<typeof Resource>
  ) {
    super(...resource);
    this.shape = shape;
    this.dtype = dtype;
  }
}

/** Keys and values of sequences, zero at first. `ropeAppend` writes it, `pagedAttention` reads it. */
export class KvCache extends Resource {
  readonly shape: Required<KvShape>;

  /** @internal */
  constructor(shape: Required<KvShape>, ...resource: ConstructorParameters<typeof Resource>) {
    super(...resource);
    this.shape = shape;
  }
}

export const resourceHandle = Resource.handle;
