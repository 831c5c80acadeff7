/**
 * The least time a kernel can take, from what it must move and compute. The rates are those of an H200: 4.3 TB/s of
 * device copy and 790 TFLOP/s of bf16 products as measured with other programs, 60 TFLOP/s of f32 multiply-adds by its
 * data sheet; each kernel of a graph costs 1.3 µs beyond that.
 */
export const H200 = { bytesPerUs: 4.3e6, flopsPerUs: { tensor: 790e6, fma: 60e6 }, launchUs: 1.3 };

/**
 * @param {{bytes: number, flops: number, unit: "tensor" | "fma"}} work of one launch; unit: what the kernel multiplies with
 * @param {typeof H200} device
 * @returns {number} µs
 */
export function predictedUs({ bytes, flops, unit }, device = H200) {
  return Math.max(bytes / device.bytesPerUs, flops / device.flopsPerUs[unit]) + device.launchUs;
}

/**
 * The least time of a whole step, whose kernels run one after another.
 *
 * @param {{predictedUs: number, times: number}[]} rows
 * @returns {{launches: number, us: number}}
 */
export const predictedStep = (rows) => ({
  launches: rows.reduce((sum, { times }) => sum + times, 0),
  us: rows.reduce((sum, { predictedUs, times }) => sum + predictedUs * times, 0),
});
