#pragma once
#include <cstdint>

#include "device/shared.h"

/// Exact reductions and scans over a block: integer sums do not depend on their order. All need kThreads a
/// multiple of 32 up to 1024, every thread of the block, and shared memory of kThreads / 32 values that may
/// be used again at once.
namespace honeybee::cuda {

/// The sum of the values of all threads before this one; `total` becomes the sum over all.
template <int kThreads>
__device__ __forceinline__ uint64_t block_exclusive_sum(uint64_t value, uint64_t* partial, uint64_t& total) {
  const unsigned lane = threadIdx.x % 32;
  uint64_t inclusive = value;
  for (unsigned offset = 1; offset < 32; offset *= 2) {
    const uint64_t below = __shfl_up_sync(0xffffffffu, inclusive, offset);
    if (lane >= offset) inclusive += below;
  }
  if (lane == 31) partial[threadIdx.x / 32] = inclusive;
  __syncthreads();
  uint64_t before = 0;
  total = 0;
  for (unsigned warp = 0; warp < kThreads / 32; warp++) {
    if (warp == threadIdx.x / 32) before = total;
    total += partial[warp];
  }
  __syncthreads();
  return before + inclusive - value;
}

/// The largest value over the threads, given to each of them.
template <int kThreads>
__device__ __forceinline__ uint64_t block_max(uint64_t value, uint64_t* partial) {
  for (int offset = 16; offset > 0; offset /= 2) {
    const uint64_t other = __shfl_xor_sync(0xffffffffu, value, offset);
    value = other > value ? other : value;
  }
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  uint64_t largest = partial[0];
  for (int warp = 1; warp < kThreads / 32; warp++)
    largest = partial[warp] > largest ? partial[warp] : largest;
  __syncthreads();
  return largest;
}

/// Floats as integers in the same order: -inf < … < -0 < 0 < … < inf.
__device__ __forceinline__ uint32_t ordered(float value) {
  const uint32_t bits = __float_as_uint(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float from_ordered(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

/// A value and its place as one integer: larger value first, then the smaller place.
__device__ __forceinline__ uint64_t ranked(float value, uint32_t place) {
  return static_cast<uint64_t>(ordered(value)) << 32 | (0xffffffffu - place);
}
__device__ __forceinline__ uint32_t place_of(uint64_t rank) {
  return 0xffffffffu - static_cast<uint32_t>(rank);
}

}  // namespace honeybee::cuda
