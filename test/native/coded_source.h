#pragma once
#include <algorithm>
#include <vector>

#include "core/quantize.h"
#include "fixture.h"

namespace honeybee::testing {

/// A matrix that is stored as int8, int4 or fp8: random codes, scales and zeros, in any group and order.
class CodedSource final : public RowSource {
 public:
  CodedSource(int64_t rows, int64_t cols, const CodeLayout& layout, uint64_t seed)
      : RowSource(rows, cols, Dtype::kF32), layout_(layout), groups_(count_groups(cols, layout.group)) {
    Random random(seed);
    const int64_t count = layout.format == Dtype::kInt4 ? 16 : 256;
    for (int64_t i = 0; i < rows * cols; i++) {
      auto code = static_cast<uint8_t>(random.below(count));
      if (layout.format == Dtype::kFp8 && (code & 0x7f) == 0x7f) code = 0;
      codes_.push_back(code);
    }
    for (int64_t i = 0; i < rows * groups_; i++) {
      scales_.push_back(float_from_f16(f16_from_float(random.uniform(0.001f, 0.02f))));
      zeros_.push_back(static_cast<uint8_t>(random.below(16)));
    }
  }

  const CodeLayout* codes() const override { return &layout_; }

  void read_codes(int64_t begin, int64_t count, const CodeRows& target) const override {
    std::copy_n(codes_.begin() + begin * cols(), count * cols(), target.codes);
    std::copy_n(scales_.begin() + begin * groups_, count * groups_, target.scales);
    if (target.zeros != nullptr) std::copy_n(zeros_.begin() + begin * groups_, count * groups_, target.zeros);
  }

  void read(int64_t begin, int64_t count, void* target) const override {
    for (int64_t r = 0; r < count; r++) {
      const std::vector<float> row = values(begin + r);
      std::copy(row.begin(), row.end(), static_cast<float*>(target) + r * cols());
    }
  }

  /// scale · (code - zero) of one row.
  std::vector<float> values(int64_t row) const {
    std::vector<float> out(static_cast<size_t>(cols()));
    for (int64_t i = 0; i < cols(); i++) {
      const auto at = static_cast<size_t>(row * groups_ + i / layout_.group);
      const uint8_t code = codes_[static_cast<size_t>(row * cols() + i)];
      const int zero = layout_.format == Dtype::kInt4 ? zeros_[at] : 128;
      const float value =
          layout_.format == Dtype::kFp8 ? float_from_fp8(code) : static_cast<float>(code - zero);
      out[static_cast<size_t>(layout_.order.empty() ? i : layout_.order[static_cast<size_t>(i)])] =
          scales_[at] * value;
    }
    return out;
  }
  std::vector<float> values() const {
    std::vector<float> out;
    for (int64_t r = 0; r < rows(); r++) {
      const std::vector<float> row = values(r);
      out.insert(out.end(), row.begin(), row.end());
    }
    return out;
  }

 private:
  CodeLayout layout_;
  int64_t groups_;
  std::vector<uint8_t> codes_;
  std::vector<float> scales_;
  std::vector<uint8_t> zeros_;
};

}  // namespace honeybee::testing
