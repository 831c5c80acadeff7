#pragma once
#include <cstdint>
#include <memory>

#include "core/row_source.h"

namespace honeybee {

/// Weights in few bits: value = scale · (code - zero). A code takes a byte here, whatever it takes in memory.
///
///   int8   code 0 … 255, zero 128, one f32 scale a row
///   int4   code 0 … 15, a zero of 0 … 15 and a scale that a half holds for each group of columns
///   fp8    code = the bits of an e4m3 (dtype.h), no zero, one f32 scale a row
struct CodeRows {
  uint8_t* codes = nullptr;  ///< [rows, in]
  float* scales = nullptr;   ///< [rows, groups]
  uint8_t* zeros = nullptr;  ///< [rows, groups] of int4, else null
};

inline constexpr uint8_t kInt8Zero = 128;
/// Columns of one scale where int4 is made from floats.
inline constexpr int64_t kInt4Group = 32;
/// Codes of int4 that share a word in files, which hold whole words of a row.
inline constexpr int64_t kInt4Word = 8;
/// Every group of int4 is a multiple of it, but for the last of a row.
inline constexpr int64_t kGroupUnit = 32;

/// Groups of `group` columns in a row.
constexpr int64_t count_groups(int64_t cols, int64_t group) { return (cols + group - 1) / group; }

/// The layout in which `source` becomes codes of `format`: its own where it is stored so, else the one of
/// `quantize_row`.
CodeLayout code_layout(const RowSource& source, Dtype format);

/// Rows [begin, begin + count) as codes in code_layout(source, format): those of the source, else its floats
/// rounded. Throws what the source throws, and Error(kCheckpoint) for a value that is not finite.
void read_codes(const RowSource& source, Dtype format, int64_t begin, int64_t count, const CodeRows& target);

/// One row of floats, rounded to nearest, ties to even. int8: scale = max |w| / 127; fp8: max |w| / 448;
/// int4: in groups of kInt4Group, scale = (max(w, 0) - min(w, 0)) / 15 as a half and zero = -min / scale. A
/// row or group of zeros has scale 1. Throws Error(kCheckpoint) for a value that is not finite.
void quantize_row(Dtype format, const float* row, int64_t cols, const CodeRows& target);

/// `cols` values of one row in natural order.
void dequantize_row(const CodeLayout& layout, const CodeRows& row, int64_t cols, float* target);

}  // namespace honeybee
