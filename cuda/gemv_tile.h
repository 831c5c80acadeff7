#pragma once
#include "cuda/linear_target.h"
#include "cuda/warp.h"
#include "device/ptx.h"

/// What the products of few rows (gemv.cu, quantized_gemv.cu) have in common: blocks whose warps take turns
/// along k, each with tiles of mma.sync, and one order of adding what the warps have.
namespace honeybee::cuda {

inline constexpr int kGemvThreads = 256;
inline constexpr int kGemvWarps = kGemvThreads / 32;
/// A tile is what mma.sync multiplies at once: 16 rows of the weight by 8 rows of x. In one step lane l of a
/// warp reads a word of rows l / 4 and l / 4 + 8 of the weight, so that four lanes take 64 bytes of a row; in
/// which order these k are added is the same for the weight and for x, and that is all that matters.
inline constexpr int kTileOutputs = 16;
inline constexpr int kTileRows = 8;
inline constexpr int kStepWords = 4;
/// Words of 16 bytes of a row that a warp takes at a time.
inline constexpr int kBatchWords = 16;

__device__ __forceinline__ int lane_group() { return static_cast<int>(threadIdx.x) % 32 / kStepWords; }
__device__ __forceinline__ int lane_place() { return static_cast<int>(threadIdx.x) % kStepWords; }

/// The sums of a warp's mma_16816, to target [8 rows][pitch].
__device__ __forceinline__ void store_tile(const float (&sums)[4], float* target, int pitch) {
  float* const at = target + 2 * lane_place() * pitch + lane_group();
  at[0] = sums[0];
  at[pitch] = sums[1];
  at[8] = sums[2];
  at[pitch + 8] = sums[3];
}

/// Floats from one row of sums to the next: the lanes of a warp store to different banks.
constexpr int sums_pitch(int outputs) { return outputs + 4; }

/// Adds the sums of the warps, `partial` [kGemvWarps][kRows · sums_pitch(kOutputs)], in one order, and stores
/// outputs `first` … of all rows. `scale_of(output)` is what the sums lack.
template <int kRows, int kOutputs, class ScaleOf>
__device__ __forceinline__ void finish_sums(const float (*partial)[kRows * sums_pitch(kOutputs)],
                                            const LinearTarget& target, int64_t first, ScaleOf scale_of) {
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kOutputs; i += kGemvThreads) {
    const int row = i / kOutputs;
    const int64_t output = first + i % kOutputs;
    if (row >= target.rows || output >= target.outputs) continue;
    float sum = 0.0f;
    for (int warp = 0; warp < kGemvWarps; warp++)
      sum += partial[warp][row * sums_pitch(kOutputs) + i % kOutputs];
    target.store(row, output, __fmul_rn(sum, scale_of(output)));
  }
}

}  // namespace honeybee::cuda
