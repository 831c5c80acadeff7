import { checkpointError, show } from "./fail.js";
import { isObject, type JsonObject } from "./json.js";

/** Widths, head counts and other sizes beyond this are absurd. */
export const MAX_WIDTH = 1e6;
export const MAX_LAYERS = 1000;

export interface IntegerRange {
  min?: number;
  max?: number;
}

/**
 * Typed, range-checked access to one section of an untrusted config. Absent and null are the same; without a fallback
 * an absent field is an error. Errors name file, section and field.
 */
export class Fields {
  constructor(
    /** "<path>: text_config" */
    readonly where: string,
    private readonly values: JsonObject,
  ) {}

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  raw(key: string): unknown {
    return Object.hasOwn(this.values, key) ? (this.values[key] ?? undefined) : undefined;
  }

  /** A sub-object, or undefined when absent. */
  section(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.refuse(key, "an object");
    return new Fields(`${this.where} ${key}`, value);
  }

  /** An integer of 1 … 1e6 unless `range` says otherwise. */
  integer(key: string, fallback?: number, { min = 1, max = MAX_WIDTH }: IntegerRange = {}): number {
    const value = this.raw(key) ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw this.refuse(key, `an integer of ${min} to ${max}`);
    }
    return value as number;
  }

  /** A finite number greater than 0 and at most `max`. */
  positive(key: string, fallback: number | undefined, max: number): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "number" || !(value > 0 && value <= max)) {
      throw this.refuse(key, `a number above 0 and at most ${max}`);
    }
    return value;
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "boolean") throw this.refuse(key, "true or false");
    return value;
  }

  text(key: string, fallback: string): string {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "string") throw this.refuse(key, "text");
    return value;
  }

  oneOf<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.raw(key) ?? fallback;
    if (!choices.includes(value as T)) throw this.refuse(key, `one of ${choices.join(", ")}`);
    return value as T;
  }

  /** Three finite numbers, one per colour channel. */
  rgb(key: string, fallback: [number, number, number]): [number, number, number] {
    const value = this.raw(key) ?? fallback;
    if (!Array.isArray(value) || value.length !== 3 || !value.every((x) => Number.isFinite(x))) {
      throw this.refuse(key, "three numbers");
    }
    return [...value] as [number, number, number];
  }

  /** One integer or a list of them. */
  integers(key: string, fallback: number[]): number[] {
    const value = this.raw(key) ?? fallback;
    const list = Array.isArray(value) ? value : [value];
    if (list.length === 0 || list.length > MAX_LAYERS || !list.every((x) => Number.isSafeInteger(x))) {
      throw this.refuse(key, "an integer or a list of integers");
    }
    return list as number[];
  }

  /** The error for a field that is not `expected`. */
  refuse(key: string, expected: string): Error {
    const value = this.raw(key);
    const found = value === undefined ? "is missing" : `is ${show(value)}`;
    return checkpointError(`${this.where}: ${key} ${found}; expected ${expected}.`);
  }
}
