import { checkNames, optionError } from "../check.js";
import { checkWarp } from "../model/options.js";
import { OpsDevice } from "./device.js";
import type { KvCache, Weight } from "./resources.js";
import type {
  Activation,
  AttentionOptions,
  ByteMatrix,
  DeformableOptions,
  FloatDtype,
  Grid,
  Int32Matrix,
  Matrix,
  PagedAttentionOptions,
  PagedBatch,
  PagedOptions,
  PatchifyOptions,
  ResizeOptions,
  SampleRow,
  TokenLogprobs,
} from "./types.js";

/**
 * The operations that the network is made of, on one device; src/core/backend.h has their contracts. What an operation
 * changes in place on the device is returned here, and the arrays you pass stay as they are.
 *
 * A laboratory: every call is synchronous and copies its arguments to the device and its result back. Long ones block
 * the event loop.
 *
 * Every method throws HoneybeeError ERR_OPTION for an argument of the wrong type, shape or dtype, ERR_OUT_OF_MEMORY, and
 * ERR_DISPOSED after `dispose`.
 */
export class Ops extends OpsDevice {
  // Products.

  /** y = x wᵀ + bias. x [M, in], w [out, in], bias [out]; y [M, out]. */
  linear(x: Matrix, w: Weight, bias?: Float32Array): Matrix {
    return this.run("linear", { x, w: this.weightHandle(w, "w"), bias });
  }

  /** y + x wᵀ + bias. x [M, in], w [out, in], y [M, out], bias [out]. */
  linearAdd(x: Matrix, w: Weight, y: Matrix, bias?: Float32Array): Matrix {
    return this.run("linear_add", { x, w: this.weightHandle(w, "w"), bias, y });
  }

  /**
   * Rows of a table, of `table` or `weight`; an id outside it gives zeros. ids [n]; y [n, cols].
   *
   * @param dtype of the result. Default: that of activations beside the table's dtype on this device.
   */
  embed(table: Weight, ids: Int32Array, dtype?: FloatDtype): Matrix {
    return this.run("embed", { table: this.weightHandle(table, "table"), ids, dtype });
  }

  // Rows.

  /** (x - mean) / √(var + eps) · weight + bias of each row, with the biased variance. x [M, n]; weight, bias [n]. */
  layerNorm(x: Matrix, weight: Float32Array, bias: Float32Array, eps = 1e-5): Matrix {
    return this.run("layer_norm", { x, weight, bias, eps });
  }

  /** silu(layerNorm(x)). */
  layerNormSilu(x: Matrix, weight: Float32Array, bias: Float32Array, eps = 1e-5): Matrix {
    return this.run("layer_norm_silu", { x, weight, bias, eps });
  }

  /** layerNorm(x + residual). */
  addLayerNorm(x: Matrix, residual: Matrix, weight: Float32Array, bias: Float32Array, eps = 1e-5): Matrix {
    return this.run("add_layer_norm", { x, residual, weight, bias, eps });
  }

  /** x / √(mean(x²) + eps) · weight of each row. x [M, n], weight [n]. */
  rmsNorm(x: Matrix, weight: Float32Array, eps = 1e-5): Matrix {
    return this.run("rms_norm", { x, weight, eps });
  }

  /** Each value through silu, gelu (exact, by erf), quick_gelu (x · sigmoid(1.702 x)) or relu. */
  activate(activation: Activation, x: Matrix): Matrix {
    return this.run("activate", { activation, x });
  }

  /** silu(left half of x) ⊙ right half. x [M, 2F]; y [M, F]. */
  siluMul(x: Matrix): Matrix {
    return this.run("silu_mul", { x });
  }

  /** y[i] + x[i mod x.rows] of each row; y.rows is a multiple of x.rows. x in y's dtype or f32. */
  add(x: Matrix, y: Matrix): Matrix {
    return this.run("add", { x, y });
  }

  /** silu(x + residual). */
  addSilu(x: Matrix, residual: Matrix): Matrix {
    return this.run("add_silu", { x, residual });
  }

  /** x in this dtype, by default its own. */
  copy(x: Matrix, dtype?: FloatDtype): Matrix {
    return this.run("copy", { x, dtype });
  }

  /** y[i] = x[rows[i]]; zeros where the row is outside x. rows [n]; y [n, x.cols]. */
  gatherRows(x: Matrix, rows: Int32Array): Matrix {
    return this.run("gather_rows", { x, rows });
  }

  // Attention.

  /** softmax(scale · q kᵀ) v without a mask. q [batch·Tq, heads·d]; k, v [batch·Tk, heads·d]; y like q. */
  attention(q: Matrix, k: Matrix, v: Matrix, options: AttentionOptions): Matrix {
    checkNames(options, ["batch", "heads", "scale", "product"], "attention option");
    return this.run("attention", { ...options, q, k, v });
  }

  /**
   * Rotates q, and writes the rotated k and v to the cache (RoFormer, in the half-rotation convention of Llama).
   * q [T, heads·d]; k, v [T, kvHeads·d].
   *
   * @param cosSin f32 [positions, d]: d/2 cosines, then d/2 sines of each position
   * @returns the rotated q
   */
  ropeAppend(
    q: Matrix,
    k: Matrix,
    v: Matrix,
    cosSin: Matrix,
    cache: KvCache,
    batch: PagedBatch,
    options: PagedOptions = {},
  ): Matrix {
    checkNames(options, ["layer"], "ropeAppend option");
    const place = { cache: this.cacheHandle(cache), batch };
    return this.run("rope_append", { ...options, ...place, q, k, v, cosSin });
  }

  /**
   * Causal attention of each row over its sequence's cache: the row at position p sees 0 … p. Query head h reads kv head
   * h · kvHeads / heads. q [T, heads·d]; y like q.
   */
  pagedAttention(q: Matrix, cache: KvCache, batch: PagedBatch, options: PagedAttentionOptions = {}): Matrix {
    checkNames(options, ["layer", "scale"], "pagedAttention option");
    return this.run("paged_attention", { ...options, cache: this.cacheHandle(cache), batch, q });
  }

  // Choosing tokens.

  /**
   * The next token of each row, chosen as `generate` does: penalties, temperature, top-k, top-p and min-p in Hugging
   * Face's order, then the largest or a draw by (seed, sequence, position). logits f32 [n, V].
   *
   * @param rows [n]
   * @returns [n]; -1 where the logits are not numbers or all tokens are ruled out
   */
  sample(logits: Matrix, rows: readonly SampleRow[]): Int32Array {
    if (!Array.isArray(rows))
      throw optionError("rows must be an array with an object for each row of logits");
    const checked = rows.map(({ sequence, history, banned, allowed, position, ...options }: SampleRow) => ({
      ...checkWarp(options),
      ...{ sequence, history, banned, allowed, position },
    }));
    return this.run<Int32Matrix>("sample", { logits, rows: checked }).data;
  }

  /**
   * log softmax of each row: of a given token, and of the likeliest ones, likeliest first (ties by id).
   * logits f32 [n, V], tokens [n].
   *
   * @param top how many of the likeliest, at most V. Default 0.
   */
  tokenLogprobs(logits: Matrix, tokens: Int32Array, top = 0): TokenLogprobs {
    const { data, cols, ids } = this.run<Matrix & { ids: Int32Matrix }>("token_logprobs", {
      ...{ logits, tokens, top },
    });
    const topLogprobs = data.filter((_, i) => i % cols > 0);
    return { logprobs: data.filter((_, i) => i % cols === 0), topIds: ids.data, topLogprobs };
  }

  // Images and grids; items of a batch are stacked in rows.

  /**
   * Pillow's antialiased bicubic resize, equal to the bit, of which a window is kept.
   *
   * @param image [height, width, 3] bytes
   * @returns [window.height, window.width, 3] bytes
   */
  resizeBicubic(image: Uint8Array, options: ResizeOptions): Uint8Array {
    checkNames(options, ["width", "height", "resized", "window"], "resizeBicubic option");
    const { width, height, resized, window } = options;
    const { left, top, ...kept } = window ?? { left: 0, top: 0, ...resized };
    return this.run<ByteMatrix>("resize_bicubic", {
      ...{ image, width, height, left, top },
      ...{ resizedWidth: resized?.width, resizedHeight: resized?.height },
      ...{ windowWidth: kept.width, windowHeight: kept.height },
    }).data;
  }

  /**
   * Pixels to patches: (value / 255 - mean) / std, channel-major inside a patch like the weight of a convolution.
   * rgb [batch, S, S, 3] bytes; y [batch·(S/p)², 3·p·p].
   */
  patchify(rgb: Uint8Array, options: PatchifyOptions): Matrix {
    checkNames(options, ["imageSize", "patch", "mean", "std", "dtype"], "patchify option");
    return this.run("patchify", { ...options, rgb });
  }

  /** 3×3, stride 1, zero padding 1, one filter a channel. weight f32 [9, C] (ky·3 + kx); x, y [batch·H·W, C]. */
  depthwiseConv3x3(x: Matrix, weight: Matrix, grid: Grid): Matrix {
    return this.run("depthwise_conv3x3", { x, weight, grid });
  }

  /** The mean row of each item. x [batch·R, C]; y [batch, C]. */
  meanRows(x: Matrix, batch = 1): Matrix {
    return this.run("mean_rows", { x, batch });
  }

  /** x[b, r, c] · sigmoid(gate[b, c]). gate [batch, C]; x, y [batch·R, C]. */
  gateChannels(gate: Matrix, x: Matrix): Matrix {
    return this.run("gate_channels", { gate, x });
  }

  /** Mean over the bins [⌊i·in/out⌋, ⌈(i+1)·in/out⌉) of each axis. x [batch·from, C]; y [batch·to, C]. */
  adaptiveAvgPool(x: Matrix, from: Grid, to: Grid): Matrix {
    return this.run("adaptive_avg_pool", { x, from, to });
  }

  /**
   * Deformable attention (Zhu et al. 2021, equation 3) without its linear layers: bilinear samples, align_corners false,
   * zero outside. f32 only.
   *
   * @param value [batch·Σcells, heads·d]
   * @param offsets [batch·Q, heads·levels·points·2] in cells, x before y
   * @param logits [batch·Q, heads·levels·points], softmax over levels·points
   * @param reference [Q, 2] in 0 … 1, x before y
   * @returns [batch·Q, heads·d]
   */
  deformableSample(
    value: Matrix,
    offsets: Matrix,
    logits: Matrix,
    reference: Matrix,
    options: DeformableOptions,
  ): Matrix {
    checkNames(options, ["batch", "heads", "points", "levels"], "deformableSample option");
    return this.run("deformable_sample", { ...options, value, offsets, logits, reference });
  }
}
