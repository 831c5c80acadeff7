#pragma once
#include <cstdint>

#include "cuda/values.h"
#include "cuda/warp.h"
#include "device/ptx.h"
#include "device/shared.h"
#include "planted.h"

/// Small kernels that are right for Planted::kNone and commit one of the other faults on request.
namespace honeybee::simt {

/// out[t] = Σ over rounds r of in[r, t - 1] + in[r, t + 1] + in[r, t + 64], columns modulo 128, through
/// shared memory. One block of 128 threads.
template <class T>
__global__ void __launch_bounds__(128)
    planted_neighbours_kernel(Planted fault, const T* in, float* out, int rounds) {
  HB_SHARED(float, tile, [128]);
  HB_SHARED(float, other, [3]);
  const unsigned t = threadIdx.x;
  if (t < 3) other[t] = 0.0f;
  float sum = 0.0f;
  for (int round = 0; round < rounds; round++) {
    const float value = cuda::to_float(in[round * 128 + static_cast<int>(t)]);
    if (fault != Planted::kUnwrittenShared || t != 5) tile[t] = value;
    if (fault == Planted::kStaticSharedOverrun)
      tile[t + static_cast<unsigned>(rounds)] = value;  // rounds is 3
    if (fault == Planted::kBarrierInBranch && t < 32) {
      __syncthreads();
    } else if (fault != Planted::kNoBarrierBeforeRead) {
      __syncthreads();
    }
    sum += tile[(t + 127) % 128] + tile[(t + 1) % 128] + tile[(t + 64) % 128] + other[t % 3];
    if (fault == Planted::kEarlyExit && t >= 96) break;
    if (fault != Planted::kNoBarrierAfterRead) __syncthreads();
  }
  out[t] = sum;
}

/// Reverses each group of 32 values through dynamic shared memory, then sums the reversed group over the warp
/// into every lane: out[t] = in[31 - t] + Σ in. One block, any multiple of 32 threads, 4 bytes of shared
/// memory a thread.
inline __global__ void planted_reverse_kernel(Planted fault, const float* in, float* out) {
  HB_DYNAMIC_SHARED(float, buffer);
  const unsigned t = threadIdx.x, lane = t % 32;
  const unsigned mirror = t - lane + 31 - lane;
  buffer[t] = in[t];
  if (fault == Planted::kDynamicSharedOverrun && t == blockDim.x - 1) buffer[t + 1] = in[t];
  if (fault != Planted::kNoWarpBarrier) __syncwarp();
  const float reversed = buffer[mirror];
  float sum = reversed;
  for (int offset = 16; offset > 0; offset >>= 1) {
    if (fault == Planted::kShuffleInBranch && lane < 16) {
      sum += __shfl_xor_sync(cuda::kAllLanes, sum, offset);
    } else if (fault == Planted::kShuffleMasksDiffer && offset == 8) {
      sum += __shfl_xor_sync(lane < 16 ? 0x0000ffffu : cuda::kAllLanes, sum, offset);
    } else if (fault == Planted::kShuffleFromOutside && lane >= 16) {
      sum += __shfl_xor_sync(0xffff0000u, sum, offset);
    } else {
      sum += __shfl_xor_sync(cuda::kAllLanes, sum, offset);
    }
  }
  out[t] = reversed + sum;
}

/// c [m, n] = a [m, k] · b [n, k]ᵀ; k is a multiple of 32, n of 2. Tiles of 64 × 64 × 32, 128 threads as 2 ×
/// 2 warps of 32 × 32, two stages of cp.async. Eight chunks of a tile's rows are permuted so that ldmatrix
/// meets no bank twice.
template <class T>
__global__ void __launch_bounds__(128)
    planted_product_kernel(Planted fault, const T* a, const T* b, float* c, int m, int n, int k) {
  HB_SHARED(T, a_tiles, [2][64 * 32]);
  HB_SHARED(T, b_tiles, [2][64 * 32]);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, lane = thread % 32;
  const int first_row = static_cast<int>(blockIdx.y) * 64, first_col = static_cast<int>(blockIdx.x) * 64;
  const int warp_row = warp % 2 * 32, warp_col = warp / 2 * 32;
  const auto place = [](int row, int chunk) { return row * 32 + (chunk ^ (row / 2 % 4)) * 8; };
  const auto load = [&](int stage, int depth) {
    const int copies = fault == Planted::kTooManyCopies ? 300 : 2;
    for (int i = 0; i < copies; i++) {
      const int chunk = (thread + i * 128) % 256, row = chunk / 4, col = chunk % 4;
      const int skew = fault == Planted::kCopyMisaligned && thread == 9 ? 1 : 0;
      const T* a_row = a + static_cast<int64_t>(min(first_row + row, m - 1)) * k + depth + col * 8;
      const T* b_row = b + static_cast<int64_t>(min(first_col + row, n - 1)) * k + depth + col * 8;
      cuda::cp_async_16(a_tiles[stage] + place(row, col), a_row + skew, first_row + row < m);
      cuda::cp_async_16(b_tiles[stage] + place(row, col), b_row, first_col + row < n);
    }
    cuda::cp_async_commit();
  };

  float sums[2][4][4] = {};
  load(0, 0);
  for (int depth = 0; depth < k; depth += 32) {
    const int stage = depth / 32 % 2;
    if (depth + 32 < k) {
      load(1 - stage, depth + 32);
      if (fault != Planted::kNoCopyWait) cuda::cp_async_wait<1>();
    } else {
      cuda::cp_async_wait<0>();
    }
    if (fault != Planted::kNoCopyBarrier) __syncthreads();
    for (int step = 0; step < 2; step++) {
      uint32_t a_fragments[2][4], b_fragments[2][4];
      for (int i = 0; i < 2; i++) {
        const T* row = a_tiles[stage] + place(warp_row + i * 16 + lane % 16, step * 2 + lane / 16);
        if (fault == Planted::kLdmatrixMisaligned && lane == 3) row += 4;
        if (fault == Planted::kLdmatrixOfGlobal) row = a;
        cuda::ldmatrix_x4(a_fragments[i], row);
        cuda::ldmatrix_x4(b_fragments[i], b_tiles[stage] + place(warp_col + i * 16 + lane % 8 + lane / 16 * 8,
                                                                 step * 2 + lane / 8 % 2));
      }
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
          cuda::mma_16816(sums[i][j], a_fragments[i], b_fragments[j / 2][j % 2 * 2],
                          b_fragments[j / 2][j % 2 * 2 + 1], T{});
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++)
      for (int half = 0; half < 2; half++) {
        const int row = first_row + warp_row + i * 16 + lane / 4 + half * 8;
        const int col = first_col + warp_col + j * 8 + lane % 4 * 2;
        if (row >= m || col >= n) continue;
        *reinterpret_cast<float2*>(c + static_cast<int64_t>(row) * n + col) =
            make_float2(sums[i][j][half * 2], sums[i][j][half * 2 + 1]);
      }
}

/// Fills a stack by recursion.
__attribute__((noinline)) inline float planted_deep(int depth) {
  volatile float local[256];
  local[depth % 256] = static_cast<float>(depth);
  return depth == 0 ? local[0] : planted_deep(depth - 1) + local[depth % 256];
}

/// out[i] = in[i] + in[i + 1] (0 beyond the end); *last = the number of the last thread. One block of n / 4
/// threads; n is a multiple of 4.
inline __global__ void planted_pairs_kernel(Planted fault, const float* in, float* out, int* last, int n) {
  const int t = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const float* source = in + t * 4 + (fault == Planted::kVectorMisaligned ? 1 : 0);
  if (fault == Planted::kNullPointer && t == 7) source = nullptr;
  if (fault == Planted::kFarPointer && t == 7) source = in + n + 1024;
  const cuda::Vec<float> own = cuda::load_vec(source);
  cuda::Vec<float> sums;
  for (int i = 0; i < 4; i++) {
    const int next = t * 4 + i + 1;
    const bool there = next < n || fault == Planted::kGlobalReadOverrun;
    sums.values[i] = own.values[i] + (there ? in[next] : 0.0f);
  }
  if (fault == Planted::kStackOverflow && t == 3) sums.values[0] = planted_deep(1 << 20);
  cuda::store_vec(out + t * 4, sums);
  if (fault == Planted::kGlobalWriteOverrun && t == threads - 1) out[n] = 0.0f;
  if (t == threads - 1 || fault == Planted::kOneWordRace) *last = t;
}

/// Declares more than a block may have. One thread.
inline __global__ void planted_shared_kernel(float* out) {
  HB_SHARED(float, first, [8192]);
  HB_SHARED(float, second, [4097]);
  first[0] = second[0] = 1.0f;
  out[0] = first[0] + second[0];
}

}  // namespace honeybee::simt
