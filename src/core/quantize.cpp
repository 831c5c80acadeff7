#include "core/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace honeybee {
namespace {

void require_finite(const float* row, int64_t count) {
  float sum = 0.0f;  // stays 0 unless a value is infinite or NaN
  for (int64_t i = 0; i < count; i++) sum += 0.0f * row[i];
  require(sum == 0.0f, ErrorCode::kCheckpoint,
          "a weight is infinite or not a number, which no integer or fp8 code holds");
}

float largest(const float* row, int64_t count) {
  float most = 0.0f;
  for (int64_t i = 0; i < count; i++) most = std::max(most, std::abs(row[i]));
  return most;
}

// Of a row that has no weight worth a code the scale does not matter; it has to be one that divides.
float usable(float scale) { return scale >= 0x1p-126f ? scale : 1.0f; }

// The nearest integer, ties to even, of a value that is clamped to ±256 first: 1.5 · 2^23 leaves no bits for
// a fraction. Loops over it become vectors, which those over nearbyint do not.
int nearest(float value) {
  const float shifted = std::min(std::max(value, -256.0f), 256.0f) + 0x1.8p23f;
  return std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(0x1.8p23f);
}

uint8_t clamped(int code, int most) { return static_cast<uint8_t>(std::clamp(code, 0, most)); }

void quantize_group(const float* values, int64_t count, uint8_t* codes, float& scale, uint8_t& zero) {
  float low = 0.0f;
  float high = 0.0f;
  for (int64_t i = 0; i < count; i++) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  // Rounded to a half first, so that codes fit the scale that is stored; beyond the largest half they
  // saturate.
  const float half = float_from_f16(f16_from_float(std::min((high - low) / 15.0f, 65504.0f)));
  scale = half > 0.0f ? half : 1.0f;
  zero = clamped(nearest(-low / scale), 15);
  for (int64_t i = 0; i < count; i++) codes[i] = clamped(nearest(values[i] / scale) + zero, 15);
}

}  // namespace

void RowSource::read_codes(int64_t /*begin*/, int64_t /*count*/, const CodeRows& /*target*/) const {
  fail(ErrorCode::kOption, "a matrix of ", dtype_name(dtype()), " has no codes to read");
}

CodeLayout code_layout(const RowSource& source, Dtype format) {
  if (source.codes() != nullptr && source.codes()->format == format) return *source.codes();
  return {.format = format, .group = format == Dtype::kInt4 ? kInt4Group : source.cols()};
}

void read_codes(const RowSource& source, Dtype format, int64_t begin, int64_t count, const CodeRows& target) {
  if (source.codes() != nullptr && source.codes()->format == format)
    return source.read_codes(begin, count, target);
  const int64_t cols = source.cols();
  const int64_t groups = count_groups(cols, code_layout(source, format).group);
  std::vector<char> raw(static_cast<size_t>(count * cols) * dtype_size(source.dtype()));
  source.read(begin, count, raw.data());
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t r = 0; r < count; r++) {
    const size_t row_bytes = row.size() * dtype_size(source.dtype());
    convert_to_float(source.dtype(), raw.data() + static_cast<size_t>(r) * row_bytes, row.data(), row.size());
    quantize_row(format, row.data(), cols,
                 {.codes = target.codes + r * cols,
                  .scales = target.scales + r * groups,
                  .zeros = target.zeros != nullptr ? target.zeros + r * groups : nullptr});
  }
}

void quantize_row(Dtype format, const float* row, int64_t cols, const CodeRows& target) {
  require_finite(row, cols);
  if (format == Dtype::kInt4) {
    for (int64_t k = 0; k < cols; k += kInt4Group) {
      const int64_t group = k / kInt4Group;
      quantize_group(row + k, std::min(kInt4Group, cols - k), target.codes + k, target.scales[group],
                     target.zeros[group]);
    }
  } else if (format == Dtype::kInt8) {
    const float scale = target.scales[0] = usable(largest(row, cols) / 127.0f);
    for (int64_t k = 0; k < cols; k++) target.codes[k] = clamped(nearest(row[k] / scale) + kInt8Zero, 255);
  } else {
    require(format == Dtype::kFp8, ErrorCode::kOption, "weights cannot be quantized to ", dtype_name(format));
    const float scale = target.scales[0] = usable(largest(row, cols) / 448.0f);
    for (int64_t k = 0; k < cols; k++) target.codes[k] = fp8_from_float(row[k] / scale);
  }
}

void dequantize_row(const CodeLayout& layout, const CodeRows& row, int64_t cols, float* target) {
  for (int64_t i = 0; i < cols; i++) {
    const int64_t group = i / layout.group;
    float value;
    if (layout.format == Dtype::kFp8) {
      value = float_from_fp8(row.codes[i]);
    } else {
      const int zero = row.zeros != nullptr ? row.zeros[group] : kInt8Zero;
      value = static_cast<float>(row.codes[i] - zero);
    }
    target[layout.order.empty() ? i : layout.order[static_cast<size_t>(i)]] = row.scales[group] * value;
  }
}

}  // namespace honeybee
