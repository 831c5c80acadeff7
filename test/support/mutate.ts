/** A seeded generator (mulberry32): the same faults on every machine. */
export class Random {
  constructor(private state: number) {}

  /** Uniform in [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer of 0 … `count` - 1. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** Positions where formats keep their tables: mostly the first and last kilobytes. */
function position(random: Random, length: number): number {
  const near = random.below(Math.min(length, random.pick([16, 256, 4096, 65536])));
  const place = random.below(5);
  if (place === 0) return random.below(length);
  return place < 3 ? near : length - 1 - near;
}

type Mutation = (bytes: Buffer, random: Random) => Buffer;

/** Faults of bytes; each returns a changed copy. */
const BYTE_MUTATIONS: Record<string, Mutation> = {
  flip(bytes, random) {
    const copy = Buffer.from(bytes);
    for (let i = random.below(8); i >= 0; i--) {
      const at = position(random, copy.length);
      copy[at] = copy[at]! ^ (1 << random.below(8));
    }
    return copy;
  },
  truncate: (bytes, random) =>
    bytes.subarray(0, random.pick([random.below(64), position(random, bytes.length)])),
  /** A run of bytes inserted at, copied over or cut from another place. */
  splice(bytes, random) {
    const from = position(random, bytes.length);
    const run = bytes.subarray(from, from + 1 + random.below(200));
    const at = position(random, bytes.length);
    const [inserted, removed] = random.pick([
      [run, 0],
      [run, run.length],
      [Buffer.alloc(0), run.length],
    ]);
    return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]);
  },
  /** Extreme values where lengths and offsets stand. */
  length(bytes, random) {
    const copy = Buffer.from(bytes);
    const width = random.pick([1, 2, 4, 8]);
    if (copy.length < width) return copy;
    const at = Math.min(random.pick([0, position(random, copy.length)]), copy.length - width);
    const value = random.pick([
      0n,
      1n,
      0x7fn,
      0xffn,
      0x7fff_ffffn,
      0xffff_ffffn,
      2n ** 53n,
      2n ** 63n - 1n,
      2n ** 64n - 1n,
      BigInt(bytes.length),
    ]);
    for (let i = 0; i < width; i++) copy[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    return copy;
  },
  /** Another number in place of one written in decimal: shapes, offsets, config values. */
  decimal(bytes, random) {
    const text = bytes.toString("latin1", 0, Math.min(bytes.length, 1 << 16));
    const numbers = [...text.matchAll(/(?<=[[:, ])-?\d+(\.\d+)?(?=[,\]}\s])/g)];
    if (numbers.length === 0) return bytes;
    const found = random.pick(numbers);
    const value = random.pick([
      "0",
      "-1",
      "1e999",
      "0.5",
      "null",
      '"x"',
      "[]",
      "{}",
      "9007199254740993",
      String(random.below(1000)),
    ]);
    const end = found.index + found[0].length;
    return Buffer.concat([bytes.subarray(0, found.index), Buffer.from(value), bytes.subarray(end)]);
  },
  empty: () => Buffer.alloc(0),
  text: () => Buffer.from("This is not a checkpoint.\n"),
};

/** Names of {@link mutateBytes}'s faults. */
export const MUTATIONS: readonly string[] = Object.keys(BYTE_MUTATIONS);

/** Applies one fault, or a random one, to bytes. */
export function mutateBytes(bytes: Buffer, random: Random, kind = random.pick(MUTATIONS)): Buffer {
  return bytes.length === 0 ? bytes : BYTE_MUTATIONS[kind]!(bytes, random);
}
