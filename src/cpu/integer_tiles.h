#pragma once
#include "cpu/integer_body.h"

/// The products of integer_kernels.h over tile registers: sums of 16 rows with one strip, a unit at a time,
/// because each unit of a row has a scale of its own. What is added to a row, and in which order, is as in
/// integer_body.h, so its bits are the same. `Tiles` is AmxTiles, or the emulation that the tests run where
/// the processor has no tiles.
namespace honeybee::cpu::HB_ISA {

inline constexpr int kSumRows = 16;                     // of a tile of sums
inline constexpr int64_t kWeightTile = kUnit * kStrip;  // bytes of one unit of a strip
// Units of a strip and rows that are multiplied with each other before the next: both stay in the first-level
// cache, and int4 becomes bytes once for these rows.
inline constexpr int64_t kBlockUnits = 8;
inline constexpr int64_t kBlockRows = 64;

// Some units of a strip.
template <class Strip>
struct StripBlock {
  const uint8_t* codes;                       // [units][8][16][4]
  typename Strip::Group groups[kBlockUnits];  // of each unit
  alignas(64) uint8_t unpacked[kBlockUnits * kWeightTile];
};

template <class Strip>
HB_INLINE void unpack_unit(const uint8_t* codes, uint8_t* target) {
  using Dot = typename Strip::Dot;
  for (int step = 0; step < kUnit / Dot::kDepth; step++, codes += Strip::kStepBytes) {
    for (int v = 0; v < kStripVecs; v++) {
      const int64_t at = v * kLanes * 4;
      const Words first = Dot::template weights<0>(codes + at);
      const Words second = Dot::template weights<1>(codes + at);
      __builtin_memcpy(target + at, &first, sizeof first);
      __builtin_memcpy(target + kStrip * 4 + at, &second, sizeof second);
    }
    target += 2 * kStrip * 4;
  }
}

// Units [first, first + count) of a strip.
template <class Strip>
HB_INLINE void open_block(const IntegerProduct& p, const uint8_t* strip, int64_t first, int64_t count,
                          StripBlock<Strip>& block) {
  using Dot = typename Strip::Dot;
  constexpr int64_t kUnitBytes = kUnit / Dot::kDepth * Strip::kStepBytes;
  const int64_t units = p.depth / kUnit;
  const int64_t group_units = Strip::group(p) / kUnit;
  for (int64_t i = 0; i < count; i++) {
    const int64_t group = (first + i) / group_units;
    const int64_t end = (group + 1) * group_units < units ? (group + 1) * group_units : units;
    const uint8_t* const codes = strip + group * Strip::kTailBytes;  // behind the tails of the groups before
    block.groups[i] = Strip::open(codes + end * kUnitBytes);
    if constexpr (Dot::kParts == 2)
      unpack_unit<Strip>(codes + (first + i) * kUnitBytes, block.unpacked + i * kWeightTile);
  }
  // Bytes lie in a strip as in a tile.
  block.codes = Dot::kParts == 2 ? block.unpacked : strip + first * kUnitBytes;
}

// Σ (code - zero) · x, where `products` is Σ code · x.
HB_INLINE Words less_zeros(Words products, const Int8Strip::Group& /*group*/, int /*v*/, int minus_sum) {
  return add_zero_share(products, broadcast_word(128), minus_sum);
}
HB_INLINE Words less_zeros(Words products, const Int4Strip::Group& group, int v, int minus_sum) {
  return add_zero_share(products, group.zeros[v], minus_sum);
}

// sums[16][16] += the products of a block, whose first unit is `first`, with 16 rows.
template <class Tiles, class Strip>
void add_block(const IntegerRows& x, int64_t first, int64_t count, const StripBlock<Strip>& block,
               float* sums) {
  Vec totals[kSumRows][kStripVecs];
#pragma GCC unroll 16
  for (int r = 0; r < kSumRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < kStripVecs; v++) totals[r][v] = load(sums + r * kStrip + v * kLanes);
  }
  for (int64_t i = 0; i < count; i++) {
    alignas(64) int32_t products[kSumRows * kStrip];
    Tiles::template clear<0>();
    Tiles::template load<4>(x.first.codes + (first + i) * kUnit, x.stride);
    Tiles::template load<6>(block.codes + i * kWeightTile, kStrip * 4);
    Tiles::template add_byte_product<0, 4, 6>();
    Tiles::template store<0>(products, kStrip * 4);
    const typename Strip::Group& group = block.groups[i];
#pragma GCC unroll 16
    for (int r = 0; r < kSumRows; r++) {
      const float scale = x[r].scales[first + i];
      const int minus_sum = x[r].minus_sums[first + i];
#pragma GCC unroll 4
      for (int v = 0; v < kStripVecs; v++) {
        const Words product = load_words(products + r * kStrip + v * kLanes);
        const Vec value = words_to_vec(less_zeros(product, group, v, minus_sum));
        totals[r][v] = fma(value, Strip::scale(group, v, scale), totals[r][v]);
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kSumRows; r++) {
#pragma GCC unroll 4
    for (int v = 0; v < kStripVecs; v++) store(sums + r * kStrip + v * kLanes, totals[r][v]);
  }
}

// Rows [begin, end), a multiple of 16 and at most kBlockRows, with the strip whose first column is `col`.
template <class Tiles, class Strip>
void tile_strip(const IntegerProduct& p, int64_t begin, int64_t end, int64_t col) {
  const uint8_t* const strip = p.strips + col / kStrip * p.strip_bytes;
  const int64_t units = p.depth / kUnit;
  alignas(64) float sums[kBlockRows * kStrip] = {};
  StripBlock<Strip> block;
  for (int64_t unit = 0; unit < units; unit += kBlockUnits) {
    const int64_t count = units - unit < kBlockUnits ? units - unit : kBlockUnits;
    open_block(p, strip, unit, count, block);
    for (int64_t row = begin; row < end; row += kSumRows)
      add_block<Tiles>({.first = p.x[row], .stride = p.x.stride}, unit, count, block,
                       sums + (row - begin) * kStrip);
  }
  const uint8_t* const codes_end = strip + units * kUnit / Strip::Dot::kDepth * Strip::kStepBytes;
  for (int64_t row = begin; row < end; row++) {
    for (int v = 0; v < kStripVecs; v++) {
      const Vec sum = load(sums + (row - begin) * kStrip + v * kLanes);
      store_sum(p, row, col + v * kLanes, Strip::whole(sum, codes_end, v));
    }
  }
}

/// IntegerKernels::int8 and int4 where there are tile registers; fewer than 16 rows do without.
template <class Tiles, class Strip>
void tiled_integer_product(const IntegerProduct& p) {
  static_assert(!Strip::Dot::kWide);
  const int64_t tiled = p.rows / kSumRows * kSumRows;
  if (tiled > 0) {
    Tiles::configure(kUnit);
    for (int64_t row = 0; row < tiled; row += kBlockRows) {
      const int64_t end = tiled - row < kBlockRows ? tiled : row + kBlockRows;
      for (int64_t col = 0; col < p.cols; col += kStrip) tile_strip<Tiles, Strip>(p, row, end, col);
    }
    Tiles::release();
  }
  if (tiled == p.rows) return;
  IntegerProduct rest = p;
  rest.x.first = p.x[tiled];
  rest.rows -= tiled;
  rest.y += tiled * p.y_stride;
  integer_product<Strip>(rest);
}

}  // namespace honeybee::cpu::HB_ISA
