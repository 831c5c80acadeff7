// Choosing tokens and resizing pictures through honeybee/ops.
import t from "tap";
import { warpLogits } from "../lib/index.js";
import { devices, type Matrix, openOps, type SampleRow } from "../lib/ops/index.js";
import { Random } from "./support/mutate.js";
import { resizeInLoops } from "./support/pillow-resize.js";

const VOCABULARY = 1000;
const random = new Random(5);
const logits = (rows: number): Matrix => ({
  data: Float32Array.from({ length: rows * VOCABULARY }, () => random.next() * 12 - 6),
  rows,
  cols: VOCABULARY,
});
const row = ({ data }: Matrix, i: number) => data.subarray(i * VOCABULARY, (i + 1) * VOCABULARY);
const largest = (values: Float32Array) => values.indexOf(Math.max(...values));

/** The CPU and, where they are there, the devices with kernels of their own. */
const places = devices().map(({ name }) => name);

t.test("sample: greedy rows take the largest of the warped logits", async (t) => {
  const x = logits(3);
  const history = Int32Array.of(largest(row(x, 1)), 7, 7);
  const options = { repetitionPenalty: 3, presencePenalty: 2 };
  const rows: SampleRow[] = [{}, { ...options, history }, { banned: Int32Array.of(largest(row(x, 2))) }];
  const withoutLargest = row(x, 2).slice();
  withoutLargest[largest(withoutLargest)] = Number.NEGATIVE_INFINITY;
  const expected = [
    largest(row(x, 0)),
    largest(warpLogits(row(x, 1), history, options)),
    largest(withoutLargest),
  ];
  for (const device of places) {
    const ops = await openOps({ device });
    t.same([...ops.sample(x, rows)], expected, device);
    ops.dispose();
  }
});

t.test("sample: only tokens whose bits are set are chosen, none beyond the last word", async (t) => {
  const x = logits(3);
  const even = new Uint32Array(Math.ceil(VOCABULARY / 32)).fill(0x55555555);
  const short = Uint32Array.of(0xffffffff, 0b101);
  const best = (i: number, allowed: (id: number) => boolean) =>
    largest(row(x, i).map((value, id) => (allowed(id) ? value : Number.NEGATIVE_INFINITY)));
  const expected = [best(0, (id) => id % 2 === 0), best(1, (id) => id < 32 || id === 32 || id === 34), -1];
  const rows: SampleRow[] = [{ allowed: even }, { allowed: short }, { allowed: Uint32Array.of(0) }];
  for (const device of places) {
    const ops = await openOps({ device });
    t.same([...ops.sample(x, rows)], expected, device);
    ops.dispose();
  }
});

t.test("sample: drawn tokens are among the top-k, and every device draws the same", async (t) => {
  const x = logits(1);
  const best = [...row(x, 0)].map((value, id) => [value, id] as const).sort(([a], [b]) => b - a);
  const allowed = new Set(best.slice(0, 5).map(([, id]) => id));
  const drawn = new Map<string, number[]>();
  for (const device of places) {
    const ops = await openOps({ device });
    const tokens: number[] = [];
    for (let position = 0; position < 20; position++)
      tokens.push(...ops.sample(x, [{ temperature: 1.5, topK: 5, seed: 9, position }]));
    t.ok(
      tokens.every((id) => allowed.has(id)),
      device,
    );
    t.ok(new Set(tokens).size > 1, `${device}: not always the same`);
    drawn.set(device, tokens);
    ops.dispose();
  }
  for (const tokens of drawn.values()) t.same(tokens, drawn.get("cpu"));
});

t.test("tokenLogprobs: log softmax of the given and of the likeliest tokens", async (t) => {
  const x = logits(2);
  const tokens = Int32Array.of(3, 999);
  const expected = [0, 1].map((i) => {
    const values = [...row(x, i)];
    const sum = Math.log(values.reduce((total, value) => total + Math.exp(value), 0));
    return values.map((value) => value - sum);
  });
  for (const device of places) {
    const ops = await openOps({ device });
    const { logprobs, topIds, topLogprobs } = ops.tokenLogprobs(x, tokens, 4);
    for (const [i, of] of expected.entries()) {
      const order = of.map((_, id) => id).sort((a, b) => of[b]! - of[a]!);
      t.ok(Math.abs(logprobs[i]! - of[tokens[i]!]!) < 1e-5, `${device}: token of row ${i}`);
      t.same([...topIds.subarray(4 * i, 4 * i + 4)], order.slice(0, 4), `${device}: likeliest of row ${i}`);
      for (const [k, id] of order.slice(0, 4).entries())
        t.ok(Math.abs(topLogprobs[4 * i + k]! - of[id]!) < 1e-5, `${device}: ${k} of row ${i}`);
    }
    ops.dispose();
  }
});

t.test("resizeBicubic: Pillow's bits, whole and in part", async (t) => {
  const [width, height] = [53, 37];
  const data = Uint8Array.from({ length: width * height * 3 }, () => random.next() * 256);
  const whole = resizeInLoops({ data, width, height }, 20, 24);
  for (const device of places) {
    const ops = await openOps({ device });
    const resized = { width: 20, height: 24 };
    t.same(ops.resizeBicubic(data, { width, height, resized }), whole, device);
    const window = { left: 3, top: 5, width: 11, height: 7 };
    const part = ops.resizeBicubic(data, { width, height, resized, window });
    const expected = Array.from({ length: 7 * 11 * 3 }, (_, at) => {
      const [y, rest] = [Math.floor(at / 33), at % 33];
      return whole[((y + 5) * 20 + 3) * 3 + rest]!;
    });
    t.same([...part], expected, `${device}: a window`);
    ops.dispose();
  }
});

t.test("wrong arguments are named", async (t) => {
  const ops = await openOps();
  const x = logits(2);
  const image = new Uint8Array(30);
  const resized = { width: 2, height: 2 };
  t.throws(() => ops.sample(x, [{}]), {
    code: "ERR_OPTION",
    message: /rows has 1 entries, expected .* 2 rows/,
  });
  t.throws(() => ops.sample(x, [{}, { topX: 1 } as SampleRow]), { code: "ERR_OPTION", message: /topX/ });
  t.throws(() => ops.sample(x, undefined as never), { code: "ERR_OPTION", message: /rows must be an array/ });
  t.throws(() => ops.tokenLogprobs(x, Int32Array.of(1), 2), { code: "ERR_OPTION" });
  t.throws(() => ops.tokenLogprobs(x, Int32Array.of(1, 2), 1001), { code: "ERR_OPTION", message: /top/ });
  t.throws(() => ops.resizeBicubic(image, { width: 4, height: 2, resized }), { code: "ERR_OPTION" });
  t.throws(() => ops.resizeBicubic(image, { width: 5, height: 2, resized: {} as never }), {
    code: "ERR_OPTION",
  });
  const window = { left: 1, top: 0, width: 2, height: 2 };
  t.throws(() => ops.resizeBicubic(image, { width: 5, height: 2, resized, window }), {
    code: "ERR_IMAGE",
    message: /window/,
  });
  ops.dispose();
});
