#pragma once
#include <cstdint>

#include "core/tensor.h"
#include "cuda/chunk.h"

/// Several neighbouring values moved at once between memory of any floating dtype and floats.
namespace honeybee::cuda {

/// kSize neighbouring values as memory holds them, aligned for moves of at most 16 bytes.
template <class T, int kSize>
struct alignas(kSize * sizeof(T) < 16 ? kSize * sizeof(T) : 16) Packed {
  T values[kSize];
};

/// `source` is aligned like Packed<T, kSize>.
template <int kSize, class T>
__device__ __forceinline__ Chunk<kSize> load_packed(const T* source) {
  const auto packed = *reinterpret_cast<const Packed<T, kSize>*>(source);
  Chunk<kSize> chunk;
  for (int i = 0; i < kSize; i++) chunk.values[i] = to_float(packed.values[i]);
  return chunk;
}

/// `target` is aligned like Packed<T, kSize>.
template <int kSize, class T>
__device__ __forceinline__ void store_packed(T* target, const Chunk<kSize>& chunk) {
  Packed<T, kSize> packed;
  for (int i = 0; i < kSize; i++) packed.values[i] = from_float<T>(chunk.values[i]);
  *reinterpret_cast<Packed<T, kSize>*>(target) = packed;
}

/// Rows of a floating dtype that is known at run time only, for kernels that touch each of their values once:
/// a branch that all threads take alike, and no kernel has to be compiled once more for each dtype.
struct AnyRows {
  void* data;
  int64_t stride;
  Dtype dtype;
  bool aligned;  ///< columns that are multiples of kSize are aligned like Packed<T, kSize>

  explicit AnyRows(const Tensor& t)
      : data(t.data),
        stride(t.stride),
        dtype(t.dtype),
        aligned(reinterpret_cast<uintptr_t>(t.data) % 16 == 0 &&
                t.stride * static_cast<int64_t>(dtype_size(t.dtype)) % 16 == 0) {}

  /// Columns col … col + kSize - 1 of a row; col is a multiple of kSize.
  template <int kSize>
  __device__ __forceinline__ Chunk<kSize> load(int64_t row, int64_t col) const {
    switch (dtype) {
      case Dtype::kBF16:
        return load_at<kSize, __nv_bfloat16>(row * stride + col);
      case Dtype::kF16:
        return load_at<kSize, __half>(row * stride + col);
      default:
        return load_at<kSize, float>(row * stride + col);
    }
  }

  template <int kSize>
  __device__ __forceinline__ void store(int64_t row, int64_t col, const Chunk<kSize>& chunk) const {
    switch (dtype) {
      case Dtype::kBF16:
        return store_at<kSize, __nv_bfloat16>(row * stride + col, chunk);
      case Dtype::kF16:
        return store_at<kSize, __half>(row * stride + col, chunk);
      default:
        return store_at<kSize, float>(row * stride + col, chunk);
    }
  }

 private:
  template <int kSize, class T>
  __device__ __forceinline__ Chunk<kSize> load_at(int64_t index) const {
    const T* const source = static_cast<const T*>(data) + index;
    if (aligned) return load_packed<kSize>(source);
    Chunk<kSize> chunk;
    for (int i = 0; i < kSize; i++) chunk.values[i] = to_float(source[i]);
    return chunk;
  }

  template <int kSize, class T>
  __device__ __forceinline__ void store_at(int64_t index, const Chunk<kSize>& chunk) const {
    T* const target = static_cast<T*>(data) + index;
    if (aligned) return store_packed(target, chunk);
    for (int i = 0; i < kSize; i++) target[i] = from_float<T>(chunk.values[i]);
  }
};

}  // namespace honeybee::cuda
