#include "cpu/integer_matrix.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace honeybee::cpu {
namespace {

constexpr int64_t kSliceRows = 64;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Of a group that ends a row in the middle of a unit the places of the strip are a unit's all the same.
CodeLayout strip_layout(const RowSource& source, Dtype dtype, int64_t depth) {
  CodeLayout layout = code_layout(source, dtype);
  layout.group = std::min(layout.group, depth);
  if (dtype == Dtype::kInt8) layout.group = depth;
  require(layout.group > 0 && layout.group % kUnit == 0, ErrorCode::kOption,
          "load_matrix: int4 in groups of ", layout.group, " columns, expected a multiple of ", kUnit);
  return layout;
}

}  // namespace

struct IntegerMatrix::Slice {
  Slice(int64_t cols, int64_t groups)
      : codes(static_cast<size_t>(kSliceRows * cols)),
        scales(static_cast<size_t>(kSliceRows * groups)),
        zeros(static_cast<size_t>(kSliceRows * groups)) {}

  CodeRows rows() { return {codes.data(), scales.data(), zeros.data()}; }

  std::vector<uint8_t> codes;
  std::vector<float> scales;
  std::vector<uint8_t> zeros;
};

IntegerMatrix::IntegerMatrix(Cpu& cpu, const RowSource& source, Dtype dtype)
    : Matrix(source.rows(), source.cols(), dtype),
      layout_(strip_layout(source, dtype, round_up(source.cols(), kUnit))),
      depth_(round_up(source.cols(), kUnit)),
      strip_bytes_(code_bytes(depth_) +
                   static_cast<size_t>(count_groups(depth_, layout_.group)) * tail_bytes()),
      memory_(static_cast<size_t>(strips()) * strip_bytes_) {
  const int64_t slices = (out() + kSliceRows - 1) / kSliceRows;
  const int workers = static_cast<int>(std::min<int64_t>(cpu.pool.threads(), slices));
  std::atomic<int64_t> next{0};
  cpu.pool.run(workers, [&](int64_t, int) {
    Slice slice(in(), count_groups(in(), layout_.group));
    for (int64_t s = next++; s < slices; s = next++) {
      const int64_t begin = s * kSliceRows;
      const int64_t rows = std::min(kSliceRows, out() - begin);
      read_codes(source, this->dtype(), begin, rows, slice.rows());
      for (int64_t r = 0; r < rows; r += kStrip)
        pack_strip((begin + r) / kStrip, slice, r, std::min<int64_t>(kStrip, rows - r));
    }
  });
}

size_t IntegerMatrix::code_bytes(int64_t columns) const {
  const auto values = static_cast<size_t>(columns * kStrip);
  return dtype() == Dtype::kInt8 ? values : values / 2;
}

size_t IntegerMatrix::tail_bytes() const {
  return dtype() == Dtype::kInt8 ? kStrip * sizeof(float) : kStrip * sizeof(uint16_t) + kStrip / 2;
}

void IntegerMatrix::pack_strip(int64_t index, const Slice& slice, int64_t slice_row, int64_t rows) {
  const int64_t groups = count_groups(in(), layout_.group);
  const bool halves = dtype() == Dtype::kInt4;
  auto* target = const_cast<uint8_t*>(strip(index));  // of memory_, which is ours to fill
  for (int64_t g = 0; g < groups; g++) {
    const int64_t begin = g * layout_.group;
    const int64_t padded = std::min(layout_.group, depth_ - begin);
    uint8_t* const tail = target + code_bytes(padded);
    for (int64_t n = 0; n < rows; n++) {
      const int64_t row = slice_row + n;
      const uint8_t* const codes = slice.codes.data() + row * in() + begin;
      const int64_t count = std::min(padded, in() - begin);
      for (int64_t k = 0; k < count; k++) {
        if (halves)
          target[(k / 8 * kStrip + n) * 4 + k % 4] |= static_cast<uint8_t>(codes[k] << (k / 4 % 2 * 4));
        else
          target[(k / 4 * kStrip + n) * 4 + k % 4] = codes[k];
      }
      const float scale = slice.scales[static_cast<size_t>(row * groups + g)];
      if (halves) {
        const uint16_t half = f16_from_float(scale);
        std::memcpy(tail + n * 2, &half, 2);
        const uint8_t zero = slice.zeros[static_cast<size_t>(row * groups + g)];
        tail[kStrip * 2 + n / 2] |= static_cast<uint8_t>(zero << (n % 2 * 4));
      } else {
        std::memcpy(tail + n * 4, &scale, 4);
      }
    }
    target = tail + tail_bytes();
  }
}

void IntegerMatrix::read_row(int64_t index, float* target) const {
  const int64_t n = index % kStrip;
  const uint8_t* source = strip(index / kStrip);
  for (int64_t begin = 0; begin < in(); begin += layout_.group) {
    const int64_t padded = std::min(layout_.group, depth_ - begin);
    const uint8_t* const tail = source + code_bytes(padded);
    float scale;
    int zero = kInt8Zero;
    if (dtype() == Dtype::kInt4) {
      uint16_t half;
      std::memcpy(&half, tail + n * 2, 2);
      scale = float_from_f16(half);
      zero = tail[kStrip * 2 + n / 2] >> (n % 2 * 4) & 15;
    } else {
      std::memcpy(&scale, tail + n * 4, 4);
    }
    for (int64_t k = 0; k < std::min(padded, in() - begin); k++) {
      const int code = dtype() == Dtype::kInt4
                           ? source[(k / 8 * kStrip + n) * 4 + k % 4] >> (k / 4 % 2 * 4) & 15
                           : source[(k / 4 * kStrip + n) * 4 + k % 4];
      const int64_t place = begin + k;
      target[layout_.order.empty() ? place : layout_.order[static_cast<size_t>(place)]] =
          scale * static_cast<float>(code - zero);
    }
    source = tail + tail_bytes();
  }
}

}  // namespace honeybee::cpu
