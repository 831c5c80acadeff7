#pragma once
#include <cstddef>
#include <cstdint>

#include "core/bicubic_axis.h"
#include "image/resize_kernels.h"

// The inner loops one value at a time: all of the portable kernels, and the edges of the SIMD ones.
namespace honeybee {

/// One pixel of the horizontal pass; `row` is the start of its input row.
inline void resize_pixel(const uint8_t* row, const ColumnTaps& column, uint8_t* out) {
  const uint8_t* pixel = row + ptrdiff_t{3} * column.begin;
  uint32_t red = kWeightHalf;
  uint32_t green = kWeightHalf;
  uint32_t blue = kWeightHalf;
  for (int t = 0; t < column.taps; ++t, pixel += 3) {
    const WeightBlock& block = column.weights[t / WeightBlock::kTaps];
    const int tap = t % WeightBlock::kTaps;
    red += block.times(tap, pixel[0]);
    green += block.times(tap, pixel[1]);
    blue += block.times(tap, pixel[2]);
  }
  out[0] = weighted_byte(static_cast<int32_t>(red));
  out[1] = weighted_byte(static_cast<int32_t>(green));
  out[2] = weighted_byte(static_cast<int32_t>(blue));
}

/// One row of the vertical pass.
inline void accumulate_row(const uint8_t* row, int32_t weight, int32_t* accumulators, int width) {
  for (int x = 0; x < width; ++x) {
    const uint32_t product = static_cast<uint32_t>(weight) * row[x];
    accumulators[x] = static_cast<int32_t>(static_cast<uint32_t>(accumulators[x]) + product);
  }
}

/// One finished row.
inline void round_row(const int32_t* accumulators, uint8_t* bytes, int width) {
  for (int x = 0; x < width; ++x) bytes[x] = weighted_byte(accumulators[x]);
}

}  // namespace honeybee
