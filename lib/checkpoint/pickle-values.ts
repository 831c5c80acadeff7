import { quote } from "./fail.js";

/** What an unpickled file consists of; objects are the classes below and those that hooks return. */
export type PickleValue = null | boolean | number | string | object;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}
export class List {
  readonly items: PickleValue[] = [];
}
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** A malformed or refused pickle; the reader of the file puts its name in front. */
export class PickleError extends Error {}

/** A dict's key for a message; one that is no text may be large or contain itself. */
export function describeKey(key: PickleValue): string {
  return typeof key === "string" ? quote(key) : "a key that is not text";
}
