#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "core/error.h"
#include "cuda/quantized_matrix.h"
#include "device/ptx.h"

/// Codes on their way to the tensor cores. Everything that a code stands for, code - zero of int8 and int4
/// and a value of e4m3, is exact in bf16, so scales need not be rounded into it: they multiply float sums.
namespace honeybee::cuda {

__device__ __forceinline__ __nv_bfloat162 as_pair(uint32_t bits) {
  return *reinterpret_cast<const __nv_bfloat162*>(&bits);
}
__device__ __forceinline__ uint32_t bits_of(__nv_bfloat162 pair) {
  return *reinterpret_cast<const uint32_t*>(&pair);
}

// In bf16 the integers from 128 to 255 are 0x4300 + n: a code of up to 7 bits becomes one by an or.
inline constexpr uint32_t kPairOf128 = 0x43004300u;

/// Formats have: kUnits in a word, kGrouped if scales differ along a row, and unpack(word, unit, group word),
/// the eight codes of a unit as four registers of bf16 pairs in the order of their columns.
struct Int8Codes {
  static constexpr Dtype kFormat = Dtype::kInt8;
  static constexpr int kUnits = 2;
  static constexpr bool kGrouped = false;

  __device__ static __forceinline__ void unpack(const uint4& word, int unit, uint32_t /*group*/,
                                                uint32_t (&pairs)[4]) {
    const uint32_t first = unit == 0 ? word.x : word.z;
    const uint32_t second = unit == 0 ? word.y : word.w;
    pairs[0] = centered(first);
    pairs[1] = centered(first >> 8);
    pairs[2] = centered(second);
    pairs[3] = centered(second >> 8);
  }

 private:
  // Bytes 0 and 2, minus 128: (128 + the lower seven bits) - (128 if the highest is set, else 256).
  __device__ static __forceinline__ uint32_t centered(uint32_t codes) {
    const uint32_t low = (codes & 0x007f007fu) | kPairOf128;
    const uint32_t origin = (~codes & 0x00800080u) | kPairOf128;
    return bits_of(__hsub2(as_pair(low), as_pair(origin)));
  }
};

struct Int4Codes {
  static constexpr Dtype kFormat = Dtype::kInt4;
  static constexpr int kUnits = 4;
  static constexpr bool kGrouped = true;

  __device__ static __forceinline__ void unpack(const uint4& word, int unit, uint32_t group,
                                                uint32_t (&pairs)[4]) {
    const uint32_t codes = unit == 0 ? word.x : unit == 1 ? word.y : unit == 2 ? word.z : word.w;
    const __nv_bfloat162 origin = as_pair((group >> 16) | (group & 0xffff0000u));  // 128 + zero
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const uint32_t shifted = ((codes >> (4 * i)) & 0x000f000fu) | kPairOf128;
      pairs[i] = bits_of(__hsub2(as_pair(shifted), origin));
    }
  }
};

struct Fp8Codes {
  static constexpr Dtype kFormat = Dtype::kFp8;
  static constexpr int kUnits = 2;
  static constexpr bool kGrouped = false;

  __device__ static __forceinline__ void unpack(const uint4& word, int unit, uint32_t /*group*/,
                                                uint32_t (&pairs)[4]) {
    const uint32_t first = unit == 0 ? word.x : word.z;
    const uint32_t second = unit == 0 ? word.y : word.w;
    pairs[0] = widened(first << 8);
    pairs[1] = widened(first);
    pairs[2] = widened(second << 8);
    pairs[3] = widened(second);
  }

 private:
  // Bytes 1 and 3: sign, exponent and mantissa in the places of bf16 are the value times 2^-120, the
  // difference of the exponents' biases; subnormal values too.
  __device__ static __forceinline__ uint32_t widened(uint32_t codes) {
    constexpr uint32_t kTwoTo120 = 0x7b807b80u;
    const uint32_t small = (codes & 0x80008000u) | ((codes >> 4) & 0x07f007f0u);
    return bits_of(__hmul2(as_pair(small), as_pair(kTwoTo120)));
  }
};

/// Calls f.template operator()<Format>().
template <class F>
void with_codes(Dtype format, F&& f) {
  switch (format) {
    case Dtype::kInt8:
      return f.template operator()<Int8Codes>();
    case Dtype::kInt4:
      return f.template operator()<Int4Codes>();
    case Dtype::kFp8:
      return f.template operator()<Fp8Codes>();
    default:
      fail(ErrorCode::kOption, "codes are int8, int4 or fp8, not ", dtype_name(format));
  }
}

/// The scale in a group_word.
__device__ __forceinline__ float group_scale(uint32_t group) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(group & 0xffffu)));
}

/// The zero in it, which lies there as 128 + zero in bf16.
__device__ __forceinline__ float group_zero(uint32_t group) {
  return __uint_as_float(group & 0xffff0000u) - 128.0f;
}

/// A unit of two rows of the weight, 8 apart, as the first factor of two mma_16816.
template <class Format>
struct UnitFactor {
  uint32_t a[2][4];
  float scales[2];  ///< of kGrouped

  __device__ __forceinline__ UnitFactor(const uint4& upper, const uint4& lower, int unit,
                                        uint32_t upper_group, uint32_t lower_group) {
    uint32_t first[4];
    uint32_t second[4];
    Format::unpack(upper, unit, upper_group, first);
    Format::unpack(lower, unit, lower_group, second);
#pragma unroll
    for (int i = 0; i < 2; i++) {
      a[i][0] = first[2 * i];
      a[i][1] = second[2 * i];
      a[i][2] = first[2 * i + 1];
      a[i][3] = second[2 * i + 1];
    }
    if constexpr (Format::kGrouped) {
      scales[0] = group_scale(upper_group);
      scales[1] = group_scale(lower_group);
    }
  }

  /// Adds the products with a lane's eight columns of eight rows of x. The sums of int8 and fp8 lack the
  /// scales of their rows.
  __device__ __forceinline__ void add(const uint4& x, float (&sums)[4]) const {
    if constexpr (Format::kGrouped) {
      float part[4] = {};
      multiply(x, part);
#pragma unroll
      for (int i = 0; i < 4; i++) sums[i] = fmaf(scales[i / 2], part[i], sums[i]);
    } else {
      multiply(x, sums);
    }
  }

 private:
  __device__ __forceinline__ void multiply(const uint4& x, float (&sums)[4]) const {
    mma_16816(sums, a[0], x.x, x.y, __nv_bfloat16());
    mma_16816(sums, a[1], x.z, x.w, __nv_bfloat16());
  }
};

}  // namespace honeybee::cuda
