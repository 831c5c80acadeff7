#pragma once
#include <cstdint>

#include "core/dtype.h"

/// Where codes lie in a row of a QuantizedMatrix. 32 columns are a unit: two steps of mma.sync, of which lane
/// t of four multiplies columns 8 t … 8 t + 7. A word of 16 bytes holds such eights of two neighbouring units
/// (int8, fp8) or of four (int4), and the words of the four lanes follow one another: a line of 64 bytes.
/// Columns 2 p and 2 p + 1 of eight lie 16 bits apart, so that masks bring them into the halves of a
/// register: columns 0 2 1 3 of four are the bytes, columns 0 2 4 6 1 3 5 7 of eight the nibbles, lowest
/// first.
namespace honeybee::cuda {

inline constexpr int64_t kUnitColumns = 32;
inline constexpr int64_t kLaneColumns = 8;
/// Rows are padded with codes that meet zeros in x to whole multiples of it: two lines of bytes, one of int4.
inline constexpr int64_t kQuantizedColumns = 128;

constexpr int64_t units_of_word(Dtype format) { return format == Dtype::kInt4 ? 4 : 2; }

/// Bytes of `columns` codes, whole lines.
constexpr int64_t code_bytes(Dtype format, int64_t columns) {
  return format == Dtype::kInt4 ? columns / 2 : columns;
}

struct CodePlace {
  int64_t byte;  ///< in the row
  int shift;     ///< bits
};

constexpr CodePlace code_place(Dtype format, int64_t column) {
  const int64_t units = units_of_word(format);
  const int64_t line = column / (kUnitColumns * units);
  const int64_t unit = column / kUnitColumns % units;
  const int64_t lane = column % kUnitColumns / kLaneColumns;
  const int64_t word = line * 64 + lane * 16;
  const int64_t one = column % kLaneColumns;
  if (format == Dtype::kInt4) {
    const int64_t nibble = one / 2 + one % 2 * 4;
    return {word + unit * 4 + nibble / 2, static_cast<int>(nibble % 2 * 4)};
  }
  return {word + unit * 8 + one / 4 * 4 + one % 4 / 2 + one % 2 * 2, 0};
}

/// A scale and a zero of int4 share a word: the half below, 128 + zero as bf16 above, which is what codes
/// become before it is subtracted (dequantize.h).
constexpr uint32_t group_word(uint16_t half_scale, int zero) {
  return half_scale | (0x4300u + static_cast<uint32_t>(zero)) << 16;
}

}  // namespace honeybee::cuda
