#include "core/dtype.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace honeybee {

uint16_t f16_from_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (bits >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to 65520 or more: infinity
  if (bits < 0x38800000u) {
    // Subnormal halves: adding 0.5 aligns the mantissa so that the float adder does the rounding.
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    uint32_t shifted;
    std::memcpy(&shifted, &magnitude, 4);
    return static_cast<uint16_t>(sign | (shifted - 0x3f000000u));
  }
  const uint32_t rounded = bits + 0xfffu + ((bits >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float float_from_f16(uint16_t value) {
  const uint32_t sign = static_cast<uint32_t>(value & 0x8000u) << 16;
  const uint32_t exponent = (value >> 10) & 0x1fu;
  const uint32_t mantissa = value & 0x3ffu;
  uint32_t bits;
  if (exponent == 0x1f) {
    bits = sign | 0x7f800000u | (mantissa << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    std::memcpy(&bits, &magnitude, 4);
    bits |= sign;
  }
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}

uint8_t fp8_from_float(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const auto sign = static_cast<uint8_t>((bits >> 24) & 0x80u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return sign | 0x7fu;
  if (bits >= 0x43e00000u) return sign | 0x7eu;  // 448 and more, infinity too
  if (bits < 0x3c800000u) {
    // Below 2^-6 the step is 2^-9: adding 2^14, whose last place is 2^-9, lets the float adder round.
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude += 0x1p14f;
    uint32_t shifted;
    std::memcpy(&shifted, &magnitude, 4);
    return sign | static_cast<uint8_t>(shifted & 0xfu);
  }
  const uint32_t rounded = bits + 0x7ffffu + ((bits >> 20) & 1u);
  return sign | static_cast<uint8_t>((rounded >> 20) - (120u << 3));
}

float float_from_fp8(uint8_t value) {
  const int exponent = (value >> 3) & 0xf;
  const int mantissa = value & 7;
  float magnitude;
  if ((value & 0x7f) == 0x7f) {
    magnitude = std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = static_cast<float>(mantissa) * 0x1p-9f;
  } else {
    magnitude = std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  }
  return (value & 0x80) != 0 ? -magnitude : magnitude;
}

void convert_to_float(Dtype from, const void* source, float* target, size_t count) {
  switch (from) {
    case Dtype::kF32:
      std::memcpy(target, source, count * 4);
      return;
    case Dtype::kBF16:
      for (size_t i = 0; i < count; i++) target[i] = float_from_bf16(static_cast<const uint16_t*>(source)[i]);
      return;
    case Dtype::kF16:
      for (size_t i = 0; i < count; i++) target[i] = float_from_f16(static_cast<const uint16_t*>(source)[i]);
      return;
    default:
      fail(ErrorCode::kOption, "cannot read ", dtype_name(from), " values as floats");
  }
}

void convert_from_float(Dtype to, const float* source, void* target, size_t count) {
  switch (to) {
    case Dtype::kF32:
      std::memcpy(target, source, count * 4);
      return;
    case Dtype::kBF16:
      for (size_t i = 0; i < count; i++) static_cast<uint16_t*>(target)[i] = bf16_from_float(source[i]);
      return;
    case Dtype::kF16:
      for (size_t i = 0; i < count; i++) static_cast<uint16_t*>(target)[i] = f16_from_float(source[i]);
      return;
    default:
      fail(ErrorCode::kOption, "cannot store floats as ", dtype_name(to));
  }
}

}  // namespace honeybee
