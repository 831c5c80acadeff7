#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "core/dtype.h"
#include "core/error.h"

/// What every kernel needs of the three floating dtypes: conversion one by one and in vectors of 16 bytes.
namespace honeybee::cuda {

__device__ __forceinline__ float to_float(float value) { return value; }
__device__ __forceinline__ float to_float(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float to_float(__half value) { return __half2float(value); }

template <class T>
__device__ __forceinline__ T from_float(float value);
template <>
__device__ __forceinline__ float from_float<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);
}
template <>
__device__ __forceinline__ __half from_float<__half>(float value) {
  return __float2half(value);
}

/// x · sigmoid(x). The division is off by 2 units in the last place at most, without the slow path of the
/// exact one.
__device__ __forceinline__ float silu(float x) { return __fdividef(x, 1.0f + expf(-x)); }

/// As many values as 16 bytes hold.
template <class T>
struct alignas(16) Vec {
  static constexpr int kSize = 16 / static_cast<int>(sizeof(T));
  T values[kSize];
};

template <class T>
__device__ __forceinline__ Vec<T> load_vec(const T* source) {
  return *reinterpret_cast<const Vec<T>*>(source);
}
template <class T>
__device__ __forceinline__ void store_vec(T* target, const Vec<T>& vec) {
  *reinterpret_cast<Vec<T>*>(target) = vec;
}

/// Whether rows that begin at `data`, `stride` elements apart, can be read and written in Vecs of T.
template <class T>
bool vec_aligned(const void* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % Vec<T>::kSize == 0;
}

/// Calls f.template operator()<T>() with the C++ type of a floating dtype.
template <class F>
void with_type(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::kF32:
      return f.template operator()<float>();
    case Dtype::kBF16:
      return f.template operator()<__nv_bfloat16>();
    case Dtype::kF16:
      return f.template operator()<__half>();
    default:
      fail(ErrorCode::kOption, "activations are f32, bf16 or f16, not ", dtype_name(dtype));
  }
}

}  // namespace honeybee::cuda
