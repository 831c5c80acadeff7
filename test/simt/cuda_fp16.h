#pragma once
#include <bit>
#include <cstdint>

#include "cuda_runtime.h"  // nvcc includes it by itself

/// IEEE half precision for the host (1 sign, 5 exponent, 10 fraction bits), without the compiler's own type
/// so that every compiler agrees. Conversions are explicit and there is no arithmetic, as in cuda_bf16.h.
struct [[gnu::visibility("default")]] __half {
  uint16_t bits;

  __half() = default;
  /// To nearest even; from 65520 on infinity; every NaN becomes 0x7fff, as on the device.
  explicit __half(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    const uint32_t magnitude = word & 0x7fffffffu;
    uint32_t rounded;
    if (magnitude > 0x7f800000u) {
      bits = 0x7fff;
      return;
    }
    if (magnitude >= 0x477ff000u) {  // 65520, halfway to what would be 65536
      rounded = 0x7c00u;
    } else if (magnitude < 0x38800000u) {  // below 2^-14: a multiple of 2^-24, the spacing of floats at 0.5
      rounded = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
    } else {  // exponent bias from 127 to 15, then 13 fraction bits go
      rounded = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    }
    bits = static_cast<uint16_t>(word >> 16 & 0x8000u) | static_cast<uint16_t>(rounded);
  }
  explicit operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7fffu) << 13;
    // Multiplying by 2^112 corrects the exponent's bias, of subnormal numbers too; infinity and NaN lie
    // above.
    const uint32_t word = magnitude >= 0x0f800000u
                              ? magnitude | 0x7f800000u
                              : std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112f);
    return std::bit_cast<float>(sign | word);
  }
};
struct alignas(4) [[gnu::visibility("default")]] __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

inline float __half2float(__half value) { return static_cast<float>(value); }
inline __half __float2half(float value) { return __half(value); }
inline __half __float2half_rn(float value) { return __half(value); }

inline __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
inline __half2 __float22half2_rn(float2 pair) { return __floats2half2_rn(pair.x, pair.y); }
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline float2 __half22float2(__half2 pair) {
  return {static_cast<float>(pair.x), static_cast<float>(pair.y)};
}
inline __half __low2half(__half2 pair) { return pair.x; }
inline __half __high2half(__half2 pair) { return pair.y; }
inline float __low2float(__half2 pair) { return static_cast<float>(pair.x); }
inline float __high2float(__half2 pair) { return static_cast<float>(pair.y); }

inline unsigned short __half_as_ushort(__half value) { return value.bits; }
inline __half __ushort_as_half(unsigned short bits) { return std::bit_cast<__half>(bits); }
