#pragma once
#include "device/shared.h"

/// Reductions over a warp and over a block.
namespace honeybee::cuda {

inline constexpr unsigned kAllLanes = 0xffffffffu;

__device__ __forceinline__ float warp_sum(float value) {
  for (int offset = 16; offset > 0; offset >>= 1) value += __shfl_xor_sync(kAllLanes, value, offset);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
  for (int offset = 16; offset > 0; offset >>= 1)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, offset));
  return value;
}

/// The sum over the threads of a block, given to each of them. Every thread must call it; kThreads is a
/// multiple of 32, at most 1024. `partial` is shared memory of kThreads / 32 floats that nothing else uses
/// meanwhile; it may be used again at once.
template <int kThreads>
__device__ __forceinline__ float block_sum(float value, float* partial) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float total = 0.0f;
  for (int warp = 0; warp < kThreads / 32; warp++) total += partial[warp];
  __syncthreads();
  return total;
}

template <int kThreads>
__device__ __forceinline__ float block_max(float value, float* partial) {
  value = warp_max(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  float largest = partial[0];
  for (int warp = 1; warp < kThreads / 32; warp++) largest = fmaxf(largest, partial[warp]);
  __syncthreads();
  return largest;
}

}  // namespace honeybee::cuda
