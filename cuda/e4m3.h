#pragma once
#include <cuda_runtime.h>

#include <cstdint>

/// fp8-e4m3 on the device: the twin of fp8_from_float and float_from_fp8 in core/dtype.h.
namespace honeybee::cuda {

inline constexpr float kLargestE4m3 = 448.0f;

/// To nearest even, ±448 beyond, NaN stays NaN.
__device__ __forceinline__ uint32_t e4m3_of(float value) {
  const uint32_t bits = __float_as_uint(value);
  const uint32_t sign = bits >> 24 & 0x80u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7fu;
  if (magnitude >= 0x43e00000u) return sign | 0x7eu;
  // Below 2^-6 the step is 2^-9, the last place of 2^14, so that the addition rounds.
  if (magnitude < 0x3c800000u)
    return sign | (__float_as_uint(__fadd_rn(__uint_as_float(magnitude), 0x1p14f)) & 0xfu);
  return sign | (((magnitude + 0x7ffffu + (magnitude >> 20 & 1u)) >> 20) - (120u << 3));
}

/// The value of one e4m3, not NaN.
__device__ __forceinline__ float float_of_e4m3(uint32_t code) {
  return __uint_as_float((code & 0x80u) << 24 | (code & 0x7fu) << 20) * 0x1p120f;
}

}  // namespace honeybee::cuda
