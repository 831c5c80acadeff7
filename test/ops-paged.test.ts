// The paged KV cache through honeybee/ops, and what `timed` and `dispose` promise.
import t from "tap";
import { devices, type KvCache, type Matrix, type Ops, openOps } from "../lib/ops/index.js";
import { relativeError } from "./support/golden-model.js";
import { Random } from "./support/mutate.js";
import { angle, causalAttention, rope } from "./support/reference-ops.js";

const HEADS = 4;
const KV_HEADS = 2;
const DIM = 10;
const SCALE = 1 / Math.sqrt(DIM);

const random = new Random(11);
const make = (rows: number, cols: number): Matrix => ({
  data: Float32Array.from({ length: rows * cols }, () => random.next() * 4 - 2),
  rows,
  cols,
});
const rows = ({ data, cols, dtype }: Matrix, begin: number, end: number): Matrix => ({
  data: data.slice(begin * cols, end * cols),
  rows: end - begin,
  cols,
  dtype,
});

/** [64, DIM]: the cosines, then the sines of each position. */
const cosSin: Matrix = {
  data: Float32Array.from({ length: 64 * DIM }, (_, at) => {
    const [position, i] = [Math.floor(at / DIM), at % DIM];
    return i < DIM / 2 ? Math.cos(angle(position, i, DIM)) : Math.sin(angle(position, i - DIM / 2, DIM));
  }),
  rows: 64,
  cols: DIM,
};

/** Three texts' projections before RoPE, and what attention makes of each alone. */
const texts = [50, 3, 17].map((length) => {
  const q = make(length, HEADS * DIM);
  const k = make(length, KV_HEADS * DIM);
  const v = make(length, KV_HEADS * DIM);
  const turned = [rope(q.data, DIM, q.cols), rope(k.data, DIM, k.cols)] as const;
  const shape = { heads: HEADS, kvHeads: KV_HEADS, dim: DIM, scale: SCALE };
  return { length, q, k, v, turnedQ: turned[0], expected: causalAttention(...turned, v.data, shape) };
});
/** Their blocks, in no order; a table has four. */
const BLOCKS = [
  [5, 0, 3, 6],
  [2, 0, 0, 0],
  [7, 1, 0, 0],
];

/** Bytes of a key or value of a head; codes have a scale. */
const BYTES = { f32: 4 * DIM, bf16: 2 * DIM, int8: DIM + 4, fp8: DIM + 4 };
/** A step of bf16 is 2^-8 of a value, of fp8 2^-3; half a step of int8 is 1/254 of a head's largest value. */
const TOLERANCE = { f32: 2e-6, bf16: 2e-2, int8: 2e-2, fp8: 2 ** -3 };

/** rope_append and paged_attention of rows [begin, end) of each text, and of two rows of padding. */
function step(ops: Ops, cache: KvCache, begin: number, end: number) {
  const pieces = texts
    .map(({ length }, text) => ({ text, begin, end: Math.min(end, length) }))
    .filter((piece) => piece.end > piece.begin);
  const stack = (of: "q" | "k" | "v"): Matrix => {
    const parts = pieces.map(({ text, begin, end }) => [...rows(texts[text]![of], begin, end).data]);
    const { cols } = texts[0]![of];
    const data = Float32Array.from([...parts.flat(), ...new Array(2 * cols).fill(1)]);
    return { data, rows: data.length / cols, cols };
  };
  const ends: number[] = [];
  for (const piece of pieces) ends.push((ends.at(-1) ?? 0) + piece.end - piece.begin);
  const batch = {
    rowBegin: Int32Array.of(0, ...ends, ends.at(-1)! + 2),
    start: Int32Array.of(...pieces.map(({ begin }) => begin), -1),
    blocks: Int32Array.from([...pieces.flatMap(({ text }) => BLOCKS[text]!), 0, 0, 0, 0]),
  };
  const rotated = ops.ropeAppend(stack("q"), stack("k"), stack("v"), cosSin, cache, batch, { layer: 1 });
  const out = ops.pagedAttention(rotated, cache, batch, { layer: 1 });
  return pieces.map((piece, i) => ({
    ...piece,
    rotated: rows(rotated, ends[i - 1] ?? 0, ends[i]!),
    out: rows(out, ends[i - 1] ?? 0, ends[i]!),
    padding: rows(out, ends.at(-1)!, out.rows),
  }));
}

const places = devices().flatMap(({ name, isas }) =>
  [undefined, ...isas.slice(0, 1)].map((isa) => ({ device: name, isa })),
);

t.test("several sequences, written in two steps, attend to their own past", async (t) => {
  for (const place of places) {
    const ops = await openOps({ ...place, threads: 2 });
    const small = place.device === "cpu" ? (["int8"] as const) : (["int8", "fp8"] as const);
    for (const dtype of ["f32", "bf16", ...small] as const) {
      const shape = { layers: 2, kvHeads: KV_HEADS, headDim: DIM, blocks: 8, dtype };
      const cache = ops.kvCache(shape);
      t.same(cache.shape, shape);
      t.ok(cache.bytes >= 2 * 2 * 8 * 16 * KV_HEADS * BYTES[dtype], "keys and values of all layers");
      for (const [begin, end] of [
        [0, 16],
        [16, 50],
      ] as const) {
        for (const piece of step(ops, cache, begin, end)) {
          const text = texts[piece.text]!;
          const width = HEADS * DIM;
          const part = (values: number[]) => values.slice(piece.begin * width, piece.end * width);
          const where = `text ${piece.text} from ${begin}, ${dtype}, ${place.device} ${place.isa ?? "default"}`;
          t.ok(relativeError(piece.rotated.data, part(text.turnedQ)) < 1e-6, `rotated: ${where}`);
          const error = relativeError(piece.out.data, part(text.expected));
          t.ok(error < TOLERANCE[dtype], `attention: ${where}: error ${error}`);
          t.ok(
            piece.padding.data.every((v) => v === 0),
            `padding gives zeros: ${where}`,
          );
        }
      }
      cache.dispose();
    }
    ops.dispose();
  }
});

t.test("timed: each operation's runs, and the result of one", async (t) => {
  const ops = await openOps({ threads: 1 });
  const x = make(3, 8);
  const before = x.data.slice();
  const w = ops.weight(make(8, 8).data, [8, 8]);
  const alone = [ops.linearAdd(x, w, x), ops.activate("silu", x)];
  const { result, timings } = ops.timed(() => [ops.linearAdd(x, w, x), ops.activate("silu", x)], {
    repeat: 5,
  });
  t.same(result, alone, "what is changed in place is changed once");
  t.same(x.data, before, "arguments stay as they are");
  t.same(
    timings.map(({ op, samples }) => [op, samples.length]),
    [
      ["linear_add", 5],
      ["activate", 5],
    ],
  );
  for (const { ms, samples } of timings) {
    t.ok(samples.every((sample) => sample > 0 && sample < 60_000));
    t.equal(ms, [...samples].sort((a, b) => a - b)[2], "the median");
  }
  const nested = ops.timed(() => ops.timed(() => ops.copy(x), { repeat: 2 }).timings, { repeat: 3 });
  t.same([nested.result.length, nested.timings.length], [1, 0], "an inner timing is the inner one's");
  t.equal(ops.timed(() => ops.copy(x)).timings[0]!.samples.length, 10, "ten by default");
  t.throws(() =>
    ops.timed(() => {
      throw new Error("mine");
    }),
  );
  ops.copy(x);
  t.same(ops.timed(() => undefined).timings, [], "nothing outside is timed");
  t.same(ops.timed(() => ops.copy({ data: new Float32Array(0), rows: 0, cols: 4 })).result.rows, 0);
  ops.dispose();
});

t.test("devices and info", async (t) => {
  const cpu = devices().find(({ name }) => name === "cpu")!;
  t.equal(cpu.isas[0], "portable");
  for (const isa of cpu.isas) {
    const ops = await openOps({ isa, threads: 1 });
    t.equal(ops.info.device, "cpu");
    t.same(ops.info.dtypes, ["f32"]);
    t.match(ops.info.description, isa);
    t.match(ops.info.description, "1 thread");
    ops.dispose();
  }
});
