/** A value of the protobuf wire format (https://protobuf.dev/programming-guides/encoding/). */
export type WireValue = number | Uint8Array;

/** One field of a message: its number and its value (fixed32 as raw bytes). */
export interface WireField {
  readonly number: number;
  readonly value: WireValue;
}

/** A message that does not follow the wire format. Callers say which file it came from. */
export class WireError extends Error {}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Yields the fields of a serialised message; throws WireError where it is cut off or malformed. */
export function* wireFields(message: Uint8Array): Generator<WireField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let low32 = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new WireError("it ends within a number");
      value += (byte & 0x7f) * 2 ** shift;
      if (shift < 32) low32 |= (byte & 0x7f) << shift;
      // A negative int32 travels as 64-bit two's complement, which a double cannot hold.
      if (byte < 0x80) return value >= 2 ** 63 ? low32 : value;
    }
    throw new WireError("a number has more than 64 bits");
  };
  const take = (length: number): Uint8Array => {
    if (length < 0 || length > message.length - at) {
      throw new WireError(`a field of ${length} bytes runs past the end (${message.length - at} are left)`);
    }
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    if (number <= 0) throw new WireError(`a field has number ${number}`);
    switch (key % 8) {
      case VARINT:
        yield { number, value: varint() };
        break;
      case FIXED64:
        yield { number, value: take(8) };
        break;
      case LENGTH_DELIMITED:
        yield { number, value: take(varint()) };
        break;
      case FIXED32:
        yield { number, value: take(4) };
        break;
      default:
        throw new WireError(`a field has wire type ${key % 8}`);
    }
  }
}

/** The value as an integer. */
export function asInteger(value: WireValue): number {
  if (typeof value !== "number") throw new WireError("a number was expected, bytes were found");
  return value;
}

/** The value as a little-endian float. */
export function asFloat(value: WireValue): number {
  if (typeof value === "number" || value.length !== 4) throw new WireError("a float was expected");
  return new DataView(value.buffer, value.byteOffset, 4).getFloat32(0, true);
}

/** The value as bytes. */
export function asBytes(value: WireValue): Uint8Array {
  if (typeof value === "number") throw new WireError("bytes were expected, a number was found");
  return value;
}
