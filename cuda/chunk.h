#pragma once
#include <cstdint>

#include "core/tensor.h"
#include "cuda/values.h"

/// How kernels walk along rows: 16 bytes at a time where the rows allow it, else value by value.
namespace honeybee::cuda {

/// kSize neighbouring values of a row as floats.
template <int kSize>
struct Chunk {
  float values[kSize];
};

/// `vectors`: whether whole vectors may be read at once; the values are the same either way.
template <int kSize, class T>
__device__ __forceinline__ Chunk<kSize> load_chunk(const T* source, bool vectors) {
  Chunk<kSize> chunk;
  if (kSize == Vec<T>::kSize && vectors) {
    const Vec<T> vec = load_vec(source);
    for (int i = 0; i < kSize; i++) chunk.values[i] = to_float(vec.values[i]);
  } else {
    for (int i = 0; i < kSize; i++) chunk.values[i] = to_float(source[i]);
  }
  return chunk;
}

template <int kSize, class T>
__device__ __forceinline__ void store_chunk(T* target, const Chunk<kSize>& chunk, bool vectors) {
  if (kSize == Vec<T>::kSize && vectors) {
    Vec<T> vec;
    for (int i = 0; i < kSize; i++) vec.values[i] = from_float<T>(chunk.values[i]);
    store_vec(target, vec);
  } else {
    for (int i = 0; i < kSize; i++) target[i] = from_float<T>(chunk.values[i]);
  }
}

/// Calls body.template operator()<kSize>(column) for the chunks of [0, cols) that fall to this thread of
/// `threads`: kSize = Vec<T>::kSize, and 1 for the rest. Which values a thread meets, and in which order,
/// depends on nothing but its number, so that sums over a row have the same bits however the row lies in
/// memory.
template <class T, class Body>
__device__ __forceinline__ void for_each_chunk(int64_t cols, int thread, int threads, Body body) {
  constexpr int kSize = Vec<T>::kSize;
  const int64_t whole = cols / kSize * kSize;
  for (int64_t c = static_cast<int64_t>(thread) * kSize; c < whole;
       c += static_cast<int64_t>(threads) * kSize)
    body.template operator()<kSize>(c);
  for (int64_t c = whole + thread; c < cols; c += threads) body.template operator()<1>(c);
}

/// A tensor as kernels take it.
template <class T>
struct Rows {
  T* data;
  int64_t stride;

  explicit Rows(const Tensor& t) : data(static_cast<T*>(t.data)), stride(t.stride) {}
  __device__ __forceinline__ T* row(int64_t r) const { return data + r * stride; }
};

/// Whether all of these can be walked in vectors of T.
template <class T, class... Tensors>
bool all_aligned(const Tensors&... tensors) {
  return (vec_aligned<T>(tensors.data, tensors.stride) && ...);
}

/// A grid whose x covers the chunks of a row and whose y walks the rows (kernels loop over the rest).
inline dim3 row_grid(int64_t rows, int64_t cols, int values_per_block) {
  const int64_t x = (cols + values_per_block - 1) / values_per_block;
  return {static_cast<unsigned>(x), static_cast<unsigned>(rows < 32768 ? rows : 32768), 1};
}

}  // namespace honeybee::cuda
