// The formats of small weights against their definitions.
#include "core/quantize.h"

#include <cmath>
#include <limits>

#include "fixture.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

// What the bits of an e4m3 mean (OCP 8-bit floating point specification, 5.1).
double fp8_value(int code) {
  const int exponent = code >> 3 & 15;
  const int mantissa = code & 7;
  const double magnitude =
      exponent == 0 ? mantissa * std::pow(2.0, -9) : (8 + mantissa) * std::pow(2.0, exponent - 10);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

// The nearest of all codes, the even one of two that are equally near, never NaN.
int nearest_fp8(double value) {
  const int sign = std::signbit(value) ? 0x80 : 0;
  int best = sign;
  for (int code = sign; code < sign + 0x7f; code++) {
    const double error = std::fabs(fp8_value(code) - value);
    const double least = std::fabs(fp8_value(best) - value);
    if (error < least || (error == least && code % 2 == 0)) best = code;
  }
  return best;
}

TEST(fp8_values) {
  for (int code = 0; code < 256; code++) {
    const float value = float_from_fp8(static_cast<uint8_t>(code));
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(value));
    } else {
      EXPECT_EQ(static_cast<double>(value), fp8_value(code));
      EXPECT_EQ(std::signbit(value), (code & 0x80) != 0);
      EXPECT_EQ(static_cast<int>(fp8_from_float(value)), code);
    }
  }
}

// Every tie between neighbours, the floats beside it, and values of all sizes.
TEST(fp8_rounds_to_the_nearest_even) {
  std::vector<float> values = {0.0f, -0.0f, 1e-45f, 448.0f, 464.0f, 465.0f, 1e30f};
  for (int code = 0; code < 0x7e; code++) {
    const auto tie = static_cast<float>((fp8_value(code) + fp8_value(code + 1)) / 2);
    for (const float value : {std::nextafter(tie, 0.0f), tie, std::nextafter(tie, 1e9f)})
      values.push_back(value);
  }
  Random random(1);
  for (int i = 0; i < 4000; i++) values.push_back(random.normal() * std::exp2(random.uniform(-14.0f, 10.0f)));
  for (const float magnitude : values) {
    for (const float value : {magnitude, -magnitude})
      EXPECT_EQ(static_cast<int>(fp8_from_float(value)), nearest_fp8(value));
  }
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(static_cast<int>(fp8_from_float(infinity)), 0x7e);
  EXPECT_EQ(static_cast<int>(fp8_from_float(-infinity)), 0xfe);
  EXPECT_EQ(fp8_from_float(std::nanf("")) & 0x7f, 0x7f);
}

// A row as codes, scales and zeros.
struct Row {
  Row(Dtype format, const std::vector<float>& values)
      : codes(values.size()), scales(values.size()), zeros(values.size()) {
    quantize_row(format, values.data(), static_cast<int64_t>(values.size()),
                 {codes.data(), scales.data(), zeros.data()});
  }

  std::vector<uint8_t> codes;
  std::vector<float> scales;
  std::vector<uint8_t> zeros;
};

TEST(int8_is_the_nearest_multiple_of_the_scale) {
  Random random(2);
  for (const float size : {1e-30f, 1.0f, 1e30f}) {
    std::vector<float> values = random.normals(1000, size);
    values[17] = 6.0f * size;
    const Row row(Dtype::kInt8, values);
    EXPECT_EQ(row.scales[0], 6.0f * size / 127.0f);
    EXPECT_EQ(int{row.codes[17]}, 255);
    for (size_t i = 0; i < values.size(); i++) {
      const double exact = static_cast<double>(values[i]) / row.scales[0];
      EXPECT_TRUE(std::fabs(exact - (row.codes[i] - 128)) <= 0.50001);
    }
  }
  // 127 steps of one: ties go to the even code.
  const Row ties(Dtype::kInt8, {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -126.5f});
  EXPECT_TRUE(ties.codes == (std::vector<uint8_t>{255, 128, 130, 130, 128, 126, 2}));
  const Row nothing(Dtype::kInt8, std::vector<float>(5, 0.0f));
  EXPECT_TRUE(nothing.codes == std::vector<uint8_t>(5, 128) && nothing.scales[0] == 1.0f);
  // A scale that division by cannot be trusted is none.
  const Row tiny(Dtype::kInt8, {1e-40f, -1e-45f});
  EXPECT_TRUE(tiny.codes == std::vector<uint8_t>(2, 128) && tiny.scales[0] == 1.0f);
}

TEST(fp8_rows_scale_to_448) {
  Random random(3);
  std::vector<float> values = random.normals(500, 3.0f);
  values[3] = -56.0f;
  const Row row(Dtype::kFp8, values);
  EXPECT_EQ(row.scales[0], 0.125f);
  for (size_t i = 0; i < values.size(); i++) EXPECT_EQ(int{row.codes[i]}, nearest_fp8(values[i] * 8.0));
}

TEST(int4_groups_have_a_scale_and_a_zero) {
  Random random(4);
  for (const float mean : {0.0f, 5.0f, -5.0f}) {
    const std::vector<float> values = random.normals(100, 1.0f, mean);  // the last group has 4 columns
    const Row row(Dtype::kInt4, values);
    for (size_t begin = 0; begin < values.size(); begin += kInt4Group) {
      const size_t end = std::min(values.size(), begin + kInt4Group);
      const float low = std::min(0.0f, *std::min_element(values.begin() + begin, values.begin() + end));
      const float high = std::max(0.0f, *std::max_element(values.begin() + begin, values.begin() + end));
      const double scale = row.scales[begin / kInt4Group];
      const int zero = row.zeros[begin / kInt4Group];
      EXPECT_EQ(float_from_f16(f16_from_float(static_cast<float>(scale))), static_cast<float>(scale));
      EXPECT_TRUE(std::fabs(scale * 15.0 / (high - low) - 1.0) <= 0x1p-11);
      EXPECT_EQ(zero, static_cast<int>(std::nearbyint(-low / scale)));
      for (size_t i = begin; i < end; i++) {
        const int code = row.codes[i];
        const double nearest = std::nearbyint(values[i] / scale) + zero;
        EXPECT_TRUE(code >= 0 && code <= 15);
        // A quotient within rounding of a tie may fall on either side of it.
        EXPECT_TRUE(std::fabs(values[i] / scale + zero - code) <= 0.50001 || code == 0 || code == 15);
        EXPECT_TRUE(std::fabs(nearest - code) <= 1.0);
      }
    }
  }
  const Row nothing(Dtype::kInt4, std::vector<float>(3, 0.0f));
  EXPECT_TRUE(nothing.codes == std::vector<uint8_t>(3, 0) && nothing.scales[0] == 1.0f &&
              nothing.zeros[0] == 0);
  // Beyond what a half holds the codes saturate.
  const Row huge(Dtype::kInt4, {1e30f, -1e30f});
  EXPECT_EQ(huge.scales[0], 65504.0f);
}

TEST(quantize_refuses_what_is_not_a_number) {
  for (const Dtype format : {Dtype::kInt8, Dtype::kInt4, Dtype::kFp8}) {
    for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()})
      EXPECT_ERROR(Row(format, {1.0f, bad}), ErrorCode::kCheckpoint, "not a number");
  }
  EXPECT_ERROR(Row(Dtype::kU8, {1.0f}), ErrorCode::kOption, "cannot be quantized to u8");
}

// Slices of any size give the same codes, whatever the dtype they are stored in.
TEST(read_codes_of_slices) {
  const int64_t rows = 7;
  const int64_t cols = 70;
  Random random(5);
  for (const Dtype stored : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
    const std::vector<float> values = rounded(random.normals(rows * cols), stored);
    const MatrixSource source(rows, cols, stored, values);
    for (const Dtype format : {Dtype::kInt8, Dtype::kInt4, Dtype::kFp8}) {
      const CodeLayout layout = code_layout(source, format);
      EXPECT_EQ(layout.group, format == Dtype::kInt4 ? kInt4Group : cols);
      const int64_t groups = count_groups(cols, layout.group);
      for (int64_t begin = 0; begin < rows; begin += 3) {
        const int64_t count = std::min<int64_t>(3, rows - begin);
        std::vector<uint8_t> codes(static_cast<size_t>(count * cols));
        std::vector<float> scales(static_cast<size_t>(count * groups));
        std::vector<uint8_t> zeros(scales.size());
        read_codes(source, format, begin, count, {codes.data(), scales.data(), zeros.data()});
        for (int64_t r = 0; r < count; r++) {
          const auto first = values.begin() + (begin + r) * cols;
          const Row row(format, {first, first + cols});
          EXPECT_TRUE(std::equal(row.codes.begin(), row.codes.end(), codes.begin() + r * cols));
          EXPECT_TRUE(
              std::equal(scales.begin() + r * groups, scales.begin() + (r + 1) * groups, row.scales.begin()));
          if (format == Dtype::kInt4)
            EXPECT_TRUE(
                std::equal(zeros.begin() + r * groups, zeros.begin() + (r + 1) * groups, row.zeros.begin()));
        }
      }
    }
  }
}

}  // namespace
}  // namespace honeybee::testing
