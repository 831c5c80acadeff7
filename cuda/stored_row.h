#pragma once
#include <cuda_bf16.h>

#include <cstdint>
#include <type_traits>

#include "core/paged.h"
#include "cuda/e4m3.h"
#include "cuda/packed.h"
#include "device/ptx.h"

/// How keys and values lie in memory: as values of a floating dtype or, in a small KV cache, as codes of 8
/// bits, of which each row (one key or value of one head) has a scale. Attention reads them through StoredRow
/// and meets only floats, or what tensor cores multiply.
namespace honeybee::cuda {

/// A code of an int8 cache: ±127 of its row's scale. Visible as the tiles are (attention_tile.h).
struct [[gnu::visibility("default")]] KvInt8 {
  static constexpr float kLargest = 127.0f;
  int8_t code;

  /// The nearest code to x, within ±kLargest; ties to even.
  __device__ static __forceinline__ KvInt8 nearest(float x) {
    return {static_cast<int8_t>(__float2int_rn(x))};
  }
};

/// A code of an fp8 cache, an e4m3.
struct [[gnu::visibility("default")]] KvFp8 {
  static constexpr float kLargest = kLargestE4m3;
  uint8_t code;

  __device__ static __forceinline__ KvFp8 nearest(float x) { return {static_cast<uint8_t>(e4m3_of(x))}; }
};

/// What a code stands for, in units of its row's scale.
__device__ __forceinline__ float to_float(KvInt8 value) { return static_cast<float>(value.code); }
__device__ __forceinline__ float to_float(KvFp8 value) { return float_of_e4m3(value.code); }

template <class C>
inline constexpr bool kIsCode = sizeof(C) == 1;

/// What tensor cores multiply where C is stored.
template <class C>
using FactorOf = std::conditional_t<kIsCode<C>, __nv_bfloat16, C>;

/// The scales of a group of kKvBlock rows of codes, which lie behind them.
template <class C>
__device__ __forceinline__ auto scales_behind(C* group, int64_t row_stride) {
  using Scale = std::conditional_t<std::is_const_v<C>, const float, float>;
  return reinterpret_cast<Scale*>(group + kKvBlock * row_stride);
}

/// Row `r` of a group of kKvBlock rows; zeros if it is not there, because what lies there may be NaN and a
/// probability of zero would not stop it.
template <class C>
class StoredRow {
 public:
  __device__ __forceinline__ StoredRow(const C* group, int64_t row_stride, int r, bool there)
      : values_(there ? group + r * row_stride : group), there_(there) {
    if constexpr (kIsCode<C>) scale_ = there ? scales_behind(group, row_stride)[r] : 0.0f;
  }

  __device__ __forceinline__ float value(int column) const {
    return there_ ? scaled(to_float(values_[column])) : 0.0f;
  }

  /// Columns column … column + 7, a multiple of 8, to 16 bytes of shared memory: for this thread after the
  /// cp_async_wait behind it, for others after a barrier behind that. Codes become floats in registers and
  /// are rounded to bf16 once.
  __device__ __forceinline__ void fetch(int column, FactorOf<C>* target) const {
    if constexpr (kIsCode<C>) {
      Chunk<8> chunk{};
      if (there_) chunk = load_packed<8>(values_ + column);
      for (float& value : chunk.values) value = scaled(value);
      store_packed(target, chunk);
    } else {
      cp_async_16(target, values_ + column, there_);
    }
  }

 private:
  __device__ __forceinline__ float scaled(float value) const {
    return kIsCode<C> ? __fmul_rn(value, scale_) : value;
  }

  const C* values_;
  bool there_;
  float scale_ = 1.0f;
};

/// Calls f.template operator()<C>() with what a cache of this dtype stores.
template <class F>
void with_stored(Dtype dtype, F&& f) {
  switch (dtype) {
    case Dtype::kBF16:
      return f.template operator()<__nv_bfloat16>();
    case Dtype::kInt8:
      return f.template operator()<KvInt8>();
    case Dtype::kFp8:
      return f.template operator()<KvFp8>();
    default:
      return f.template operator()<float>();
  }
}

}  // namespace honeybee::cuda
