#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Output columns of a strip of an IntegerMatrix, which holds
///
///   int8   [depth/4][16][4] bytes, then 16 scales of float
///   int4   for each group [columns/8][16][4] bytes, each of k + i in its low and k + 4 + i in its high half,
///          then 16 scales of half and 16 zeros of 4 bits: one stream, which memory delivers faster than two
inline constexpr int kStrip = 16;
/// Values of k in a unit: activations have one scale a unit, and integer sums end with it.
inline constexpr int kUnit = 32;

/// Activations as the kernels read them: codes, and of each unit a scale and the negative sum of its codes.
struct IntegerRow {
  const char* codes;  ///< int8 in order of k; where `wide`, of each four k, k + 2, k + 1, k + 3 as 16 bits
  const float* scales;
  const int32_t* minus_sums;
};

/// Rows of them lie `stride` bytes apart.
struct IntegerRows {
  IntegerRow first{};
  int64_t stride = 0;

  IntegerRow operator[](int64_t r) const {
    return {first.codes + r * stride,
            reinterpret_cast<const float*>(reinterpret_cast<const char*>(first.scales) + r * stride),
            reinterpret_cast<const int32_t*>(reinterpret_cast<const char*>(first.minus_sums) + r * stride)};
  }
};

/// y[rows, cols] = x · strips (+ bias) (+ y): some rows of the product with neighbouring strips.
struct IntegerProduct {
  IntegerRows x{};
  const uint8_t* strips = nullptr;
  int64_t strip_bytes = 0;  ///< from one strip to the next
  int64_t rows = 0;
  int64_t depth = 0;  ///< columns of x and of the strip, padded to whole units
  int64_t group = 0;  ///< of int4, a multiple of kUnit
  float* y = nullptr;
  int64_t y_stride = 0;
  int64_t cols = 0;             ///< of these strips; the last may have fewer than 16
  const float* bias = nullptr;  ///< [cols], or null
  bool accumulate = false;      ///< add to y
};

/// Integer sums are exact and the units of a row are added in order, so that a row's bits depend on nothing
/// but the row and the weight.
struct IntegerKernels {
  using Kernel = void (*)(const IntegerProduct&);
  Kernel int8;
  Kernel int4;
  int64_t row_unit;  ///< many rows go fastest in calls of a multiple of it
  bool int8_wide;
  bool int4_wide;
  /// x [cols] as codes of ±127; `target` holds whole units. The scale of a unit is max |x| / 127, NaN if one
  /// of its values is not finite.
  void (*quantize)(const float* x, int64_t cols, int8_t* codes, float* scales, int32_t* minus_sums);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(IntegerKernels, integer_kernels)

#ifdef HB_ISA
#include "cpu/integer_body.h"
#ifdef __AMX_INT8__
#include "cpu/amx_tiles.h"
#include "cpu/integer_tiles.h"
#endif

namespace honeybee::cpu::HB_ISA {

extern const IntegerKernels integer_kernels = {
#ifdef __AMX_INT8__
    .int8 = tiled_integer_product<AmxTiles, Int8Strip>,
    .int4 = tiled_integer_product<AmxTiles, Int4Strip>,
    .row_unit = kBlockRows,
#else
    .int8 = integer_product<Int8Strip>,
    .int4 = integer_product<Int4Strip>,
    .row_unit = kIntegerRowUnit,
#endif
    .int8_wide = Int8Dot::kWide,
    .int4_wide = Int4Dot::kWide,
    .quantize = quantize_units,
};

}  // namespace honeybee::cpu::HB_ISA
#endif
