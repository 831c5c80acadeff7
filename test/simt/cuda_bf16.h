#pragma once
#include <bit>
#include <cstdint>

#include "cuda_runtime.h"  // nvcc includes it by itself

/// bfloat16 for the host: a float's upper half. Conversions are explicit and there is no arithmetic but that on
/// pairs which dequantizing needs, so that kernels convert, compute in float and convert back, as they have
/// to.
struct [[gnu::visibility("default")]] __nv_bfloat16 {
  uint16_t bits;

  __nv_bfloat16() = default;
  /// To nearest even; every NaN becomes 0x7fff, as on the device.
  explicit __nv_bfloat16(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = nan ? 0x7fff : static_cast<uint16_t>((word + 0x7fffu + (word >> 16 & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};
struct alignas(4) [[gnu::visibility("default")]] __nv_bfloat162 {
  __nv_bfloat16 x, y;
};
using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

inline float __bfloat162float(__nv_bfloat16 value) { return static_cast<float>(value); }
inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 pair) { return __floats2bfloat162_rn(pair.x, pair.y); }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 pair) {
  return {static_cast<float>(pair.x), static_cast<float>(pair.y)};
}
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 pair) { return pair.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 pair) { return pair.y; }
inline float __low2float(__nv_bfloat162 pair) { return static_cast<float>(pair.x); }
inline float __high2float(__nv_bfloat162 pair) { return static_cast<float>(pair.y); }

inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return std::bit_cast<__nv_bfloat16>(bits); }

// One rounding: a float holds what rounding to 8 bits needs of the exact result.
inline __nv_bfloat162 __hsub2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return __floats2bfloat162_rn(static_cast<float>(a.x) - static_cast<float>(b.x),
                               static_cast<float>(a.y) - static_cast<float>(b.y));
}
inline __nv_bfloat162 __hmul2(__nv_bfloat162 a, __nv_bfloat162 b) {
  return __floats2bfloat162_rn(static_cast<float>(a.x) * static_cast<float>(b.x),
                               static_cast<float>(a.y) * static_cast<float>(b.y));
}
