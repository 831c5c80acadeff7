#include "model/quantized_source.h"

#include <algorithm>
#include <cmath>

#include "core/quantize.h"
#include "model/code_words.h"

namespace honeybee {
namespace {

using Quantized = TensorRef::Quantized;

constexpr int64_t kBlockSide = 128;

std::vector<float> read_floats(const std::vector<WeightFile>& files, const TensorRef& tensor) {
  std::vector<char> raw(static_cast<size_t>(tensor.bytes));
  const size_t count = raw.size() / dtype_size(tensor.dtype);
  files[tensor.file].read(tensor.name, tensor.offset, tensor.bytes, raw.data());
  std::vector<float> values(count);
  convert_to_float(tensor.dtype, raw.data(), values.data(), count);
  for (const float value : values)
    require(std::isfinite(value), ErrorCode::kCheckpoint, files[tensor.file].path(), ": tensor \"",
            tensor.name, "\" holds a scale that is not a finite number");
  return values;
}

void require_shape(const std::vector<WeightFile>& files, const TensorRef& tensor, const TensorShape& shape) {
  require(tensor.shape == shape, ErrorCode::kCheckpoint, files[tensor.file].path(), ": tensor \"",
          tensor.name, "\" is ", shape_text(tensor.shape), ", expected ", shape_text(shape));
}

int64_t elements(const TensorRef& tensor) {
  int64_t count = 1;
  for (const int64_t side : tensor.shape) count *= side;
  return count;
}

/// One scale a row, or one a block.
class ByteSource final : public RowSource {
 public:
  ByteSource(const std::vector<WeightFile>& files, const TensorRef& tensor)
      : RowSource(tensor.shape[0], tensor.shape[1], Dtype::kF32),
        file_(files[tensor.quantized->codes.file]),
        codes_(tensor.quantized->codes),
        scales_(read_floats(files, tensor.quantized->scales)),
        layout_{.format = codes_.dtype, .group = tensor.shape[1]} {
    const TensorRef& scales = tensor.quantized->scales;
    require_shape(files, codes_, tensor.shape);
    if (tensor.quantized->layout == Quantized::Layout::kBlocks) {
      block_cols_ = count_groups(cols(), kBlockSide);
      require_shape(files, scales, {count_groups(rows(), kBlockSide), block_cols_});
      return;
    }
    if (elements(scales) == 1) scales_.assign(static_cast<size_t>(rows()), scales_.front());
    require(static_cast<int64_t>(scales_.size()) == rows(), ErrorCode::kCheckpoint, files[scales.file].path(),
            ": tensor \"", scales.name, "\" is ", shape_text(scales.shape), ", expected one scale or ",
            rows());
  }

  const CodeLayout* codes() const override { return block_cols_ == 0 ? &layout_ : nullptr; }

  void read_codes(int64_t begin, int64_t count, const CodeRows& target) const override {
    file_.read(codes_.name, codes_.offset + begin * cols(), count * cols(), target.codes);
    if (layout_.format == Dtype::kInt8) {
      for (int64_t i = 0; i < count * cols(); i++) target.codes[i] ^= kInt8Zero;
    }
    std::copy_n(scales_.begin() + begin, block_cols_ == 0 ? count : 0, target.scales);
  }

  void read(int64_t begin, int64_t count, void* target) const override {
    std::vector<uint8_t> codes(static_cast<size_t>(count * cols()));
    std::vector<float> scales(static_cast<size_t>(count));
    read_codes(begin, count, {.codes = codes.data(), .scales = scales.data()});
    auto* out = static_cast<float*>(target);
    for (int64_t r = 0; r < count; r++, out += cols()) {
      const uint8_t* const row = codes.data() + r * cols();
      if (block_cols_ == 0) {
        dequantize_row(layout_, {const_cast<uint8_t*>(row), &scales[static_cast<size_t>(r)]}, cols(), out);
        continue;
      }
      const float* const blocks = scales_.data() + (begin + r) / kBlockSide * block_cols_;
      for (int64_t k = 0; k < cols(); k++) out[k] = float_from_fp8(row[k]) * blocks[k / kBlockSide];
    }
  }

 private:
  const WeightFile& file_;
  const TensorRef& codes_;
  std::vector<float> scales_;
  CodeLayout layout_;
  int64_t block_cols_ = 0;  // 0: one scale a row
};

/// GPTQ and AWQ: a scale and a zero for each group of columns.
class GroupSource final : public RowSource {
 public:
  explicit GroupSource(CodeWords words)
      : RowSource(words.out, words.in, Dtype::kF32), words_(std::move(words)), layout_(words_.layout()) {}

  const CodeLayout* codes() const override { return layout_.group > 0 ? &layout_ : nullptr; }

  void read_codes(int64_t begin, int64_t count, const CodeRows& target) const override {
    words_.unpack(begin, count, target.codes);
    std::vector<uint8_t> sorted(static_cast<size_t>(cols()));
    for (int64_t r = 0; r < count; r++) {
      uint8_t* const row = target.codes + r * cols();
      if (!layout_.order.empty()) {
        for (size_t i = 0; i < sorted.size(); i++) sorted[i] = row[layout_.order[i]];
        std::copy(sorted.begin(), sorted.end(), row);
      }
      for (int64_t g = 0; g < words_.groups; g++) {
        target.scales[r * words_.groups + g] = words_.scale(g, begin + r);
        target.zeros[r * words_.groups + g] = words_.zero(g, begin + r);
      }
    }
  }

  void read(int64_t begin, int64_t count, void* target) const override {
    std::vector<uint8_t> codes(static_cast<size_t>(count * cols()));
    words_.unpack(begin, count, codes.data());
    auto* out = static_cast<float*>(target);
    for (int64_t r = 0; r < count; r++) {
      for (int64_t k = 0; k < cols(); k++) {
        const int64_t group = words_.group_of[static_cast<size_t>(k)];
        const int code = codes[static_cast<size_t>(r * cols() + k)];
        *out++ = words_.scale(group, begin + r) * static_cast<float>(code - words_.zero(group, begin + r));
      }
    }
  }

 private:
  CodeWords words_;
  CodeLayout layout_;  // group 0: no codes that a backend could keep
};

}  // namespace

std::unique_ptr<RowSource> open_quantized(const std::vector<WeightFile>& files, const TensorRef& tensor) {
  const Quantized& q = *tensor.quantized;
  require(tensor.shape.size() == 2, ErrorCode::kCheckpoint, files[q.codes.file].path(), ": tensor \"",
          tensor.name, "\" is ", shape_text(tensor.shape), ", expected a matrix");
  if (q.layout == Quantized::Layout::kChannels || q.layout == Quantized::Layout::kBlocks)
    return std::make_unique<ByteSource>(files, tensor);
  return std::make_unique<GroupSource>(read_code_words(files, tensor, read_floats(files, q.scales)));
}

}  // namespace honeybee
