// Each operation of honeybee/ops as the plain loop of its definition, in doubles. Matrices are row-major.
import type { Activation, Grid } from "../../lib/ops/index.js";

export type Values = ArrayLike<number>;

export const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
export const silu = (x: number) => x * sigmoid(x);

/** Abramowitz and Stegun 7.1.5 (the series) up to 3, then 7.1.14 (the continued fraction of erfc); to 1e-12. */
export function erf(x: number): number {
  if (x < 0) return -erf(-x);
  if (x < 3) {
    let sum = x;
    for (let n = 1, term = x; n < 100; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (x + fraction);
  return 1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction);
}

export const ACTIVATIONS: Record<Activation, (x: number) => number> = {
  silu,
  gelu: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)),
  quick_gelu: (x) => x * sigmoid(1.702 * x),
  relu: (x) => Math.max(x, 0),
};

/** To this many significant bits, ties to even: 8 for bf16, 11 for f16. */
export function roundTo(bits: number, x: number): number {
  if (x === 0) return 0;
  const ulp = 2 ** (Math.floor(Math.log2(Math.abs(x))) + 1 - bits);
  const below = Math.floor(x / ulp);
  const rest = x / ulp - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 !== 0);
  return (below + (up ? 1 : 0)) * ulp;
}

/** x [rows, inner] times the transpose of w [out, inner], plus bias [out]. */
export function linear(x: Values, w: Values, inner: number, bias?: Values): number[] {
  const [rows, out] = [x.length / inner, w.length / inner];
  const y: number[] = [];
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < inner; i++) sum += x[r * inner + i]! * w[o * inner + i]!;
      y.push(sum);
    }
  }
  return y;
}

/** Over rows as long as the weight. */
export function layerNorm(x: Values, weight: Values, bias: Values, eps: number): number[] {
  return perRow(x, weight.length, (row) => {
    const mean = average(row);
    const deviation = Math.sqrt(average(row.map((v) => (v - mean) ** 2)) + eps);
    return row.map((v, i) => ((v - mean) / deviation) * weight[i]! + bias[i]!);
  });
}

export function rmsNorm(x: Values, weight: Values, eps: number): number[] {
  return perRow(x, weight.length, (row) => {
    const size = Math.sqrt(average(row.map((v) => v * v)) + eps);
    return row.map((v, i) => (v / size) * weight[i]!);
  });
}

/** One query over `keys` rows that lie `stride` values apart from `first` on. */
function attend(q: Values, k: Values, v: Values, keys: number, first: number, stride: number, scale: number) {
  const scores: number[] = [];
  for (let j = 0; j < keys; j++) {
    let dot = 0;
    for (let i = 0; i < q.length; i++) dot += q[i]! * k[first + j * stride + i]!;
    scores.push(Math.exp(scale * dot));
  }
  const total = scores.reduce((a, b) => a + b);
  return Array.from(q, (_, i) =>
    scores.reduce((sum, score, j) => sum + (score / total) * v[first + j * stride + i]!, 0),
  );
}

/** q [batch·Tq, heads·dim], k and v [batch·Tk, heads·dim]. */
export function attention(
  q: Values,
  k: Values,
  v: Values,
  { batch, heads, dim, scale }: { batch: number; heads: number; dim: number; scale: number },
): number[] {
  const width = heads * dim;
  const [queries, keys] = [q.length / width / batch, k.length / width / batch];
  const y: number[] = [];
  for (let row = 0; row < batch * queries; row++) {
    for (let h = 0; h < heads; h++) {
      const query = slice(q, row * width + h * dim, dim);
      y.push(...attend(query, k, v, keys, Math.floor(row / queries) * keys * width + h * dim, width, scale));
    }
  }
  return y;
}

/** One sequence from position 0. q [T, heads·dim], k and v [T, kvHeads·dim]. */
export function causalAttention(
  q: Values,
  k: Values,
  v: Values,
  { heads, kvHeads, dim, scale }: { heads: number; kvHeads: number; dim: number; scale: number },
): number[] {
  const y: number[] = [];
  for (let row = 0; row < q.length / heads / dim; row++) {
    for (let h = 0; h < heads; h++) {
      const query = slice(q, (row * heads + h) * dim, dim);
      y.push(...attend(query, k, v, row + 1, Math.floor((h * kvHeads) / heads) * dim, kvHeads * dim, scale));
    }
  }
  return y;
}

/** The angle of pair i of `dim / 2` at a position. */
export const angle = (position: number, i: number, dim: number) => position * 10000 ** ((-2 * i) / dim);

/** Rows of heads of `dim` at positions 0, 1, …: value i turns with value i + dim / 2. */
export function rope(x: Values, dim: number, width: number): number[] {
  return Array.from(x, (value, at) => {
    const i = at % dim;
    const turn = angle(Math.floor(at / width), i % (dim / 2), dim);
    const other = i < dim / 2 ? -x[at + dim / 2]! : x[at - dim / 2]!;
    return value * Math.cos(turn) + other * Math.sin(turn);
  });
}

/** Bytes [batch, size, size, 3] to patches whose rows are [3, patch, patch]. */
export function patchify(
  rgb: Values,
  size: number,
  patch: number,
  mean: readonly number[],
  std: readonly number[],
): number[] {
  const side = size / patch;
  const y: number[] = [];
  for (let p = 0; p < (rgb.length / size / size / 3) * side * side; p++) {
    const [item, top, left] = [
      Math.floor(p / side / side),
      (Math.floor(p / side) % side) * patch,
      (p % side) * patch,
    ];
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < patch * patch; i++) {
        const pixel = (item * size + top + Math.floor(i / patch)) * size + left + (i % patch);
        y.push((rgb[pixel * 3 + c]! / 255 - mean[c]!) / std[c]!);
      }
    }
  }
  return y;
}

/** x [batch·cells, channels], weight [9, channels]. */
export function depthwiseConv3x3(x: Values, weight: Values, grid: Grid, channels: number): number[] {
  return Array.from(x, (_, at) => {
    const [cell, c] = [Math.floor(at / channels), at % channels];
    const [row, col] = [Math.floor(cell / grid.width) % grid.height, cell % grid.width];
    let sum = 0;
    for (let tap = 0; tap < 9; tap++) {
      const [dy, dx] = [Math.floor(tap / 3) - 1, (tap % 3) - 1];
      if (row + dy < 0 || row + dy >= grid.height || col + dx < 0 || col + dx >= grid.width) continue;
      sum += x[(cell + dy * grid.width + dx) * channels + c]! * weight[tap * channels + c]!;
    }
    return sum;
  });
}

/** x [batch·from, channels] → [batch·to, channels]. */
export function adaptiveAvgPool(x: Values, from: Grid, to: Grid, channels: number): number[] {
  const y: number[] = [];
  const cells = from.height * from.width;
  for (let b = 0; b < x.length / cells / channels; b++) {
    for (let i = 0; i < to.height; i++) {
      for (let j = 0; j < to.width; j++) {
        const [top, bottom] = bin(i, from.height, to.height);
        const [left, right] = bin(j, from.width, to.width);
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let r = top; r < bottom; r++) {
            for (let s = left; s < right; s++) sum += x[(b * cells + r * from.width + s) * channels + c]!;
          }
          y.push(sum / (bottom - top) / (right - left));
        }
      }
    }
  }
  return y;
}

/**
 * value [batch·Σcells, heads·dim], offsets [batch·Q, heads·levels·points·2], logits without the 2, reference [Q, 2];
 * → [batch·Q, heads·dim]. Each cell counts by its distance from the sample, so that none lies outside.
 */
export function deformableSample(
  value: Values,
  offsets: Values,
  logits: Values,
  reference: Values,
  shape: { batch: number; heads: number; points: number; levels: readonly Grid[]; dim: number },
): number[] {
  const { batch, heads, points, levels, dim } = shape;
  const queries = reference.length / 2;
  const samples = levels.length * points;
  const cells = levels.reduce((sum, { height, width }) => sum + height * width, 0);
  const y: number[] = [];
  for (let at = 0; at < batch * queries * heads; at++) {
    const [row, head] = [Math.floor(at / heads), at % heads];
    const weights = slice(logits, at * samples, samples).map(Math.exp);
    const total = weights.reduce((a, b) => a + b);
    const sums = new Array<number>(dim).fill(0);
    let first = Math.floor(row / queries) * cells;
    for (const [l, { height, width }] of levels.entries()) {
      for (let s = l * points; s < (l + 1) * points; s++) {
        const [dx, dy] = slice(offsets, (at * samples + s) * 2, 2);
        const x = reference[(row % queries) * 2]! * width + dx! - 0.5;
        const down = reference[(row % queries) * 2 + 1]! * height + dy! - 0.5;
        for (let cell = 0; cell < height * width; cell++) {
          const near = Math.max(0, 1 - Math.abs(x - (cell % width)));
          const share = near * Math.max(0, 1 - Math.abs(down - Math.floor(cell / width)));
          const from = ((first + cell) * heads + head) * dim;
          for (let i = 0; i < dim; i++) sums[i]! += (weights[s]! / total) * share * value[from + i]!;
        }
      }
      first += height * width;
    }
    y.push(...sums);
  }
  return y;
}

function bin(i: number, from: number, to: number): [begin: number, end: number] {
  return [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)];
}

function perRow(x: Values, cols: number, row: (values: number[]) => number[]): number[] {
  return Array.from({ length: x.length / cols }, (_, r) => row(slice(x, r * cols, cols))).flat();
}

function slice(x: Values, begin: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => x[begin + i]!);
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b) / values.length;
}
