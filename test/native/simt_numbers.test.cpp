#include <cmath>
#include <limits>

#include "../simt/cuda_bf16.h"
#include "../simt/cuda_fp16.h"
#include "fixture.h"

/// The simulator's 16-bit floats against their definitions, with doubles.
namespace honeybee::testing {
namespace {

struct Format {
  const char* name;
  int exponent_bits, fraction_bits;
  float (*decode)(uint16_t bits);
  uint16_t (*encode)(float value);
};

const Format kFormats[] = {
    {"bf16", 8, 7, [](uint16_t bits) { return __bfloat162float(__ushort_as_bfloat16(bits)); },
     [](float value) { return __bfloat16_as_ushort(__float2bfloat16(value)); }},
    {"f16", 5, 10, [](uint16_t bits) { return __half2float(__ushort_as_half(bits)); },
     [](float value) { return __half_as_ushort(__float2half(value)); }},
};

uint16_t infinity_of(const Format& format) {
  return static_cast<uint16_t>(((1 << format.exponent_bits) - 1) << format.fraction_bits);
}

/// IEEE 754: (1 + fraction) · 2^(exponent - bias), without the 1 in the lowest exponent.
double value_of(const Format& format, uint16_t bits) {
  const int bias = (1 << (format.exponent_bits - 1)) - 1;
  const int exponent = bits >> format.fraction_bits & ((1 << format.exponent_bits) - 1);
  const int fraction = bits & ((1 << format.fraction_bits) - 1);
  const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias - format.fraction_bits)
                                         : std::ldexp(fraction + (1 << format.fraction_bits),
                                                      exponent - bias - format.fraction_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

void expect_bits(const Format& format, float value, uint16_t expected) {
  const uint16_t actual = format.encode(value);
  if (actual != expected)
    fail(ErrorCode::kOption, format.name, " of ", value, " is ", actual, ", expected ", expected);
}

TEST(simt_numbers_decode_every_pattern) {
  for (const Format& format : kFormats) {
    const uint16_t infinity = infinity_of(format);
    for (int bits = 0; bits < 65536; bits++) {
      const auto pattern = static_cast<uint16_t>(bits);
      const float actual = format.decode(pattern);
      const uint16_t magnitude = pattern & 0x7fff;
      if (magnitude > infinity) {
        EXPECT_TRUE(std::isnan(actual));
      } else if (magnitude == infinity) {
        EXPECT_EQ(actual, bits & 0x8000 ? -INFINITY : INFINITY);
      } else {
        EXPECT_EQ(static_cast<double>(actual), value_of(format, pattern));
        EXPECT_EQ(std::signbit(actual), (bits & 0x8000) != 0);
      }
      if (magnitude <= infinity) expect_bits(format, actual, pattern);
    }
  }
}

// Between two neighbours the middle goes to the even one, and the floats beside it to the nearer.
TEST(simt_numbers_round_to_nearest_even) {
  for (const Format& format : kFormats) {
    const uint16_t infinity = infinity_of(format);
    for (uint16_t low = 0; low < infinity; low++) {
      const auto high = static_cast<uint16_t>(low + 1);
      const double step = high == infinity ? value_of(format, low) - value_of(format, low - 1)
                                           : value_of(format, high) - value_of(format, low);
      const auto middle = static_cast<float>(value_of(format, low) + step / 2);
      const uint16_t even = low % 2 == 0 ? low : high;
      for (const uint16_t sign : {uint16_t{0}, uint16_t{0x8000}}) {
        const float factor = sign ? -1.0f : 1.0f;
        expect_bits(format, factor * middle, even | sign);
        expect_bits(format, factor * std::nextafter(middle, 0.0f), low | sign);
        expect_bits(format, factor * std::nextafter(middle, INFINITY), high | sign);
      }
    }
  }
}

TEST(simt_numbers_keep_infinity_and_nan) {
  for (const Format& format : kFormats) {
    expect_bits(format, INFINITY, infinity_of(format));
    expect_bits(format, -INFINITY, infinity_of(format) | 0x8000);
    expect_bits(format, std::numeric_limits<float>::max(), infinity_of(format));
    expect_bits(format, std::numeric_limits<float>::quiet_NaN(), 0x7fff);
    expect_bits(format, std::numeric_limits<float>::denorm_min(), 0);
    expect_bits(format, -0.0f, 0x8000);
  }
}

}  // namespace
}  // namespace honeybee::testing
