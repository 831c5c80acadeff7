#pragma once
#include <cstdint>

#include "cuda/values.h"

/// Single values whose dtype is known at run time only, for kernels that read or write few of them: the
/// branch is the same for all threads, and no kernel has to be compiled once more for each dtype.
namespace honeybee::cuda {

__device__ __forceinline__ float load_as(Dtype dtype, const void* source, int64_t index) {
  switch (dtype) {
    case Dtype::kBF16:
      return to_float(static_cast<const __nv_bfloat16*>(source)[index]);
    case Dtype::kF16:
      return to_float(static_cast<const __half*>(source)[index]);
    default:
      return static_cast<const float*>(source)[index];
  }
}

__device__ __forceinline__ void store_as(Dtype dtype, void* target, int64_t index, float value) {
  switch (dtype) {
    case Dtype::kBF16:
      static_cast<__nv_bfloat16*>(target)[index] = from_float<__nv_bfloat16>(value);
      break;
    case Dtype::kF16:
      static_cast<__half*>(target)[index] = from_float<__half>(value);
      break;
    default:
      static_cast<float*>(target)[index] = value;
  }
}

}  // namespace honeybee::cuda
