#include "cuda/quantized_matrix.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "core/quantize.h"
#include "cuda/staging.h"

namespace honeybee::cuda {
namespace {

constexpr int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Columns of a group as it is kept: kernels find the group of a unit with a shift.
int64_t kept_group(const CodeLayout& layout, int64_t cols) {
  if (layout.format != Dtype::kInt4 || layout.group >= cols) return round_up(cols, kQuantizedColumns);
  require(layout.group > 0 && layout.group % kGroupUnit == 0, ErrorCode::kOption,
          "load_matrix: int4 in groups of ", layout.group, " columns, expected a multiple of ", kGroupUnit);
  return layout.group & -layout.group;
}

std::unique_ptr<DeviceMemory> device_memory(Cuda& cuda, int64_t bytes) {
  return std::make_unique<DeviceMemory>(*cuda.budget, static_cast<size_t>(bytes), cuda.stream);
}

// One row of codes, a byte each, to its place; `target` is zero. The format is known to the compiler, so that
// places within eight codes are constants.
template <Dtype kFormat>
void pack_row(const uint8_t* codes, int64_t cols, uint8_t* target) {
  for (int64_t begin = 0; begin < cols; begin += kLaneColumns) {
    uint8_t eight[kLaneColumns] = {};
    std::copy_n(codes + begin, std::min(kLaneColumns, cols - begin), eight);
    uint8_t* const place = target + code_place(kFormat, begin).byte;
    for (int64_t i = 0; i < kLaneColumns; i++) {
      const CodePlace own = code_place(kFormat, i);
      place[own.byte] |= static_cast<uint8_t>(eight[i] << own.shift);
    }
  }
}

bool is_nan(uint8_t code) { return (code & 0x7f) == 0x7f; }

}  // namespace

QuantizedMatrix::QuantizedMatrix(Cuda& cuda, const RowSource& source, Dtype format)
    : Weight(source.rows(), source.cols(), format), depth_(round_up(source.cols(), kQuantizedColumns)) {
  const CodeLayout layout = code_layout(source, format);
  group_ = kept_group(layout, in());
  group_count_ = format == Dtype::kInt4 ? count_groups(depth_, group_) : 1;
  try {
    codes_ = device_memory(cuda, out() * code_bytes(format, depth_));
    scales_ = device_memory(cuda, out() * group_count_ * static_cast<int64_t>(sizeof(uint32_t)));
    if (!layout.order.empty()) {
      order_ = device_memory(cuda, in() * static_cast<int64_t>(sizeof(int32_t)));
      cuda.staging->upload(order_->data(), order_->bytes(), layout.order.data(), order_->bytes(), 1);
    }
    load(cuda, source, std::min(layout.group, in()));
  } catch (...) {
    // What is on its way has to arrive before its memory goes.
    cudaStreamSynchronize(cuda.stream);
    throw;
  }
}

void QuantizedMatrix::load(Cuda& cuda, const RowSource& source, int64_t source_group) {
  const int64_t source_groups = count_groups(in(), source_group);
  const int64_t row_bytes = code_bytes(dtype(), depth_);
  const int64_t slice_rows = std::clamp<int64_t>(static_cast<int64_t>(Staging::kSlice) / row_bytes, 1, out());
  const auto sized = [&](int64_t row) { return static_cast<size_t>(slice_rows * row); };
  std::vector<uint8_t> codes(sized(in()));
  std::vector<float> scales(sized(source_groups));
  std::vector<uint8_t> zeros(dtype() == Dtype::kInt4 ? sized(source_groups) : 0);
  std::vector<uint8_t> packed(sized(row_bytes));
  std::vector<uint32_t> words(dtype() == Dtype::kInt4 ? sized(group_count_) : 0);
  for (int64_t begin = 0; begin < out(); begin += slice_rows) {
    const int64_t count = std::min(slice_rows, out() - begin);
    read_codes(source, dtype(), begin, count,
               {codes.data(), scales.data(), zeros.empty() ? nullptr : zeros.data()});
    require(dtype() != Dtype::kFp8 || std::none_of(codes.begin(), codes.begin() + count * in(), is_nan),
            ErrorCode::kCheckpoint, "an fp8 weight is not a number");
    std::fill(packed.begin(), packed.end(), uint8_t{0});
    // The bytes of int8 and fp8 lie alike.
    const auto pack = dtype() == Dtype::kInt4 ? pack_row<Dtype::kInt4> : pack_row<Dtype::kInt8>;
    for (int64_t r = 0; r < count; r++) pack(codes.data() + r * in(), in(), packed.data() + r * row_bytes);
    send(cuda, *codes_, begin, row_bytes, packed.data(), count);
    if (dtype() != Dtype::kInt4) {
      send(cuda, *scales_, begin, sizeof(float), scales.data(), count);
      continue;
    }
    for (int64_t r = 0; r < count; r++) {
      for (int64_t g = 0; g * group_ < in(); g++) {
        const auto from = static_cast<size_t>(r * source_groups + g * group_ / source_group);
        words[static_cast<size_t>(r * group_count_ + g)] =
            group_word(f16_from_float(scales[from]), zeros[from]);
      }
    }
    send(cuda, *scales_, begin, group_count_ * static_cast<int64_t>(sizeof(uint32_t)), words.data(), count);
  }
}

void QuantizedMatrix::send(Cuda& cuda, const DeviceMemory& target, int64_t begin, int64_t row_bytes,
                           const void* rows, int64_t count) const {
  const auto bytes = static_cast<size_t>(count * row_bytes);
  cuda.staging->upload(static_cast<char*>(target.data()) + begin * row_bytes, bytes, rows, bytes, 1);
}

size_t QuantizedMatrix::bytes() const {
  return codes_->bytes() + scales_->bytes() + (order_ != nullptr ? order_->bytes() : 0);
}

QuantizedRows QuantizedMatrix::rows() const {
  return {
      .codes = static_cast<const uint4*>(codes_->data()),
      .words = static_cast<int>(code_bytes(dtype(), depth_) / 16),
      .scales = static_cast<const float*>(scales_->data()),
      .groups = static_cast<const uint32_t*>(scales_->data()),
      .group_count = static_cast<int>(group_count_),
      .group_shift = static_cast<int>(std::bit_width(static_cast<uint64_t>((group_ - 1) / kUnitColumns)))};
}

const int32_t* QuantizedMatrix::order() const {
  return order_ != nullptr ? static_cast<const int32_t*>(order_->data()) : nullptr;
}

}  // namespace honeybee::cuda
