import { elementBytes } from "./dtypes.js";
import type { StoredDtype } from "./types.js";

const scratch = new DataView(new ArrayBuffer(4));

/** Widens stored little-endian elements to float32; exact for every stored dtype. */
export function decodeFloats(dtype: StoredDtype, bytes: Buffer): Float32Array {
  const count = bytes.length / elementBytes(dtype)!;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    if (dtype === "F32") values[i] = bytes.readFloatLE(4 * i);
    else if (dtype === "BF16") values[i] = bitsToFloat(bytes.readUInt16LE(2 * i) << 16);
    else values[i] = halfToFloat(bytes.readUInt16LE(2 * i));
  }
  return values;
}

/** Rounds float32 values to stored elements, to nearest, ties to even; half overflows to infinity as IEEE 754 says. */
export function encodeFloats(dtype: StoredDtype, values: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * elementBytes(dtype)!);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (dtype === "F32") bytes.writeFloatLE(value, 4 * i);
    else bytes.writeUInt16LE(dtype === "BF16" ? floatToBfloat(value) : floatToHalf(value), 2 * i);
  }
  return bytes;
}

function bitsToFloat(bits: number): number {
  scratch.setInt32(0, bits);
  return scratch.getFloat32(0);
}

function floatToBits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function floatToBfloat(value: number): number {
  const bits = floatToBits(value);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function halfToFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function floatToHalf(value: number): number {
  const sign = (floatToBits(value) >>> 16) & 0x8000;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  // One unit in the last place of the binade, 2^-24 for subnormals.
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const units = roundHalfEven(magnitude / 2 ** (exponent - 10));
  // Adding lets a rounded-up fraction carry into the exponent.
  return sign | ((exponent + 14) * 1024 + units);
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
