import { kvVectorBytes } from "../../model/cost.js";
import type { KvCache, KvShape, PagedBatch } from "../../ops/index.js";
import type { Maker, OpCase, Sizes } from "./case.js";

/** Positions of a block of the KV cache. */
const BLOCK = 16;

const PAGED = {
  dtypes: ["f32", "bf16", "int8", "fp8"],
  dtypeOf: "cache",
} as const satisfies Partial<OpCase>;

/** Attention, without a cache and with one. */
export const ATTENTION: Record<string, OpCase> = {
  attention: {
    sizes: { batch: 1, queries: 257, keys: 257, heads: 16, dim: 64 },
    dtypes: ["f32", "bf16"],
    dtypeOf: "products",
    prepare(make, { batch, queries, keys, heads, dim }) {
      const q = make.matrix(batch! * queries!, heads! * dim!);
      const k = make.matrix(batch! * keys!, heads! * dim!);
      const v = make.matrix(batch! * keys!, heads! * dim!);
      const options = { batch: batch!, heads: heads!, product: make.dtype as "f32" | "bf16" };
      return () => make.ops.attention(q, k, v, options).data;
    },
    work({ batch, queries, keys, heads, dim }, { matrix, dtype }) {
      const width = batch! * heads! * dim!;
      return {
        bytes: 2 * (queries! + keys!) * width * matrix,
        flops: { [dtype]: 4 * queries! * keys! * width },
      };
    },
  },
  rope_append: {
    sizes: { sequences: 1, rows: 144, position: 0, heads: 32, kvHeads: 4, dim: 64 },
    ...PAGED,
    prepare(make, sizes) {
      const { cache, batch, cosSin } = place(make, sizes);
      const [q, k, v] = rowsOf(make, sizes, sizes.rows!);
      return () => make.ops.ropeAppend(q!, k!, v!, cosSin, cache, batch).data;
    },
    work({ sequences, rows, heads, kvHeads, dim }, { matrix, dtype }) {
      const moved = 2 * heads! * dim! * matrix + 2 * kvHeads! * (dim! * matrix + kvVectorBytes(dtype, dim!));
      return { bytes: sequences! * rows! * moved, flops: {} };
    },
  },
  paged_attention: {
    // A step of decoding: one row behind 1023 others.
    sizes: { sequences: 1, rows: 1, position: 1023, heads: 32, kvHeads: 4, dim: 64 },
    ...PAGED,
    prepare(make, sizes) {
      const { cache, batch, cosSin } = place(make, sizes);
      fill(make, sizes, cache, batch.blocks, cosSin);
      const [q] = rowsOf(make, sizes, sizes.rows!);
      return () => make.ops.pagedAttention(q!, cache, batch).data;
    },
    work({ sequences, rows, position, heads, kvHeads, dim }, { matrix, dtype, matrixDtype }) {
      // Row i of a sequence sees position + i + 1 keys.
      const pairs = sequences! * (rows! * position! + (rows! * (rows! + 1)) / 2);
      const cached = sequences! * (position! + rows!) * kvHeads! * kvVectorBytes(dtype, dim!);
      return {
        bytes: 2 * cached + 2 * sequences! * rows! * heads! * dim! * matrix,
        flops: { [matrixDtype]: 4 * pairs * heads! * dim! },
      };
    },
  },
};

/** A cache for all positions, whose blocks the sequences take by turns, and the rows that follow `position` others. */
function place(make: Maker, { sequences, rows, position, kvHeads, dim }: Sizes) {
  const positions = position! + rows!;
  const each = Math.ceil(positions / BLOCK);
  const cache = make.ops.kvCache({
    ...{ layers: 1, kvHeads: kvHeads!, headDim: dim!, blocks: each * sequences! },
    dtype: make.dtype as KvShape["dtype"],
  });
  const blocks = Int32Array.from(
    { length: each * sequences! },
    (_, i) => (i % each) * sequences! + Math.floor(i / each),
  );
  const angle = (p: number, i: number) => p * 10000 ** ((-2 * (i % (dim! / 2))) / dim!);
  const cosSin = {
    data: Float32Array.from({ length: positions * dim! }, (_, at) => {
      const [p, i] = [Math.floor(at / dim!), at % dim!];
      return i < dim! / 2 ? Math.cos(angle(p, i)) : Math.sin(angle(p, i));
    }),
    ...{ rows: positions, cols: dim! },
  };
  return { cache, cosSin, batch: pagedBatch(sequences!, rows!, position!, blocks) };
}

function pagedBatch(sequences: number, rows: number, position: number, blocks: Int32Array): PagedBatch {
  return {
    rowBegin: Int32Array.from({ length: sequences + 1 }, (_, i) => i * rows),
    start: new Int32Array(sequences).fill(position),
    blocks,
  };
}

/** q, k and v of so many rows of each sequence. */
function rowsOf(make: Maker, { sequences, heads, kvHeads, dim }: Sizes, rows: number) {
  return [heads!, kvHeads!, kvHeads!].map((count) => make.matrix(sequences! * rows, count * dim!));
}

/** Writes every position of the cache. */
function fill(
  make: Maker,
  sizes: Sizes,
  cache: KvCache,
  blocks: Int32Array,
  cosSin: { data: Float32Array; rows: number; cols: number },
): void {
  const [q, k, v] = rowsOf(make, sizes, cosSin.rows);
  make.ops.ropeAppend(q!, k!, v!, cosSin, cache, pagedBatch(sizes.sequences!, cosSin.rows, 0, blocks));
}
