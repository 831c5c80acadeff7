#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace honeybee {

/// The last three are formats of weights (core/quantize.h) and of the KV cache, never of activations.
enum class Dtype : uint8_t { kF32, kBF16, kF16, kI32, kU8, kInt8, kInt4, kFp8 };

/// Whether values are codes that mean something only together with their scale.
constexpr bool is_quantized(Dtype dtype) {
  return dtype == Dtype::kInt8 || dtype == Dtype::kInt4 || dtype == Dtype::kFp8;
}

/// Bytes of a value; 0 for int4, of which two share a byte.
constexpr size_t dtype_size(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
    case Dtype::kI32:
      return 4;
    case Dtype::kBF16:
    case Dtype::kF16:
      return 2;
    case Dtype::kU8:
    case Dtype::kInt8:
    case Dtype::kFp8:
      return 1;
    case Dtype::kInt4:
      return 0;
  }
  return 0;
}

constexpr const char* dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return "f32";
    case Dtype::kBF16:
      return "bf16";
    case Dtype::kF16:
      return "f16";
    case Dtype::kI32:
      return "i32";
    case Dtype::kU8:
      return "u8";
    case Dtype::kInt8:
      return "int8";
    case Dtype::kInt4:
      return "int4";
    case Dtype::kFp8:
      return "fp8";
  }
  return "?";
}

/// bfloat16 is the upper half of a float32; rounding is to nearest, ties to even, and a NaN stays a NaN.
inline uint16_t bf16_from_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float float_from_bf16(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

/// IEEE binary16, subnormals included, rounding to nearest, ties to even.
uint16_t f16_from_float(float value);
float float_from_f16(uint16_t value);

/// fp8-e4m3fn: 4 bits of exponent with bias 7, 3 of mantissa, no infinity; 0x7f and 0xff are NaN. Rounding is
/// to nearest, ties to even, after clamping to ±448, the largest value.
uint8_t fp8_from_float(float value);
float float_from_fp8(uint8_t value);

/// `count` values of any floating dtype, converted; source and target may not overlap.
void convert_to_float(Dtype from, const void* source, float* target, size_t count);
void convert_from_float(Dtype to, const float* source, void* target, size_t count);

}  // namespace honeybee
