#pragma once
#include "cpu/integer_dot.h"
#include "cpu/integer_kernels.h"

/// The products of integer_kernels.h. A tile holds the sums of R rows with all columns of a few strips; each
/// step loads the weights once and multiplies them with the values of each row.
namespace honeybee::cpu::HB_ISA {

// Rows and strips of a tile: as many sums as the registers hold beside the weights of a step.
#if defined(__AVX512F__)
inline constexpr int kIntegerRows = 6;
inline constexpr int kIntegerStrips = 2;
#elif defined(__AVX2__)
inline constexpr int kIntegerRows = 4;
inline constexpr int kIntegerStrips = 1;
#else
inline constexpr int kIntegerRows = 2;
inline constexpr int kIntegerStrips = 1;
#endif

inline constexpr int kStripVecs = kStrip / kLanes;
// From this number of rows on a strip is used often enough to be worth tiles of several.
inline constexpr int64_t kManyRows = 12;
// How far ahead of its use a strip is fetched.
inline constexpr int64_t kStripAhead = 2048;

// Whole tiles of 2, 4 or 6 rows.
inline constexpr int64_t kIntegerRowUnit = 12;

// What a format keeps beside the codes of a group, for all columns of a strip.
struct Int8Strip {
  using Dot = Int8Dot;
  static constexpr int64_t kStepBytes = kStrip * 4;
  static constexpr int64_t kTailBytes = 0;  // of a group, behind its codes
  struct Group {};

  HB_INLINE static int64_t group(const IntegerProduct& p) { return p.depth; }
  HB_INLINE static Group open(const uint8_t* /*tail*/) { return {}; }
  HB_INLINE static Words start(const Group& /*group*/, int /*v*/, int minus_sum) {
    return Dot::start(minus_sum);
  }
  HB_INLINE static Vec value(Words sum, const Group& /*group*/, int /*v*/, int /*minus_sum*/) {
    return words_to_vec(Dot::total(sum));
  }
  HB_INLINE static Vec scale(const Group& /*group*/, int /*v*/, float x_scale) { return broadcast(x_scale); }
  // `end` lies behind the codes.
  HB_INLINE static Vec whole(Vec sum, const uint8_t* end, int v) {
    return sum * load(reinterpret_cast<const float*>(end) + v * kLanes);
  }
};

struct Int4Strip {
  using Dot = Int4Dot;
  static constexpr int64_t kStepBytes = kStrip * 4;
  static constexpr int64_t kScaleBytes = kStrip * 2;
  static constexpr int64_t kTailBytes = kScaleBytes + kStrip / 2;
  struct Group {
    Vec scales[kStripVecs];
    Words zeros[kStripVecs];
  };

  HB_INLINE static int64_t group(const IntegerProduct& p) { return p.group; }
  HB_INLINE static Group open(const uint8_t* tail) {
    Group group;
#pragma GCC unroll 4
    for (int v = 0; v < kStripVecs; v++) {
      group.scales[v] = load_f16(reinterpret_cast<const uint16_t*>(tail) + v * kLanes);
      group.zeros[v] = load_nibbles(tail + kScaleBytes + v * kLanes / 2);
    }
    return group;
  }
  HB_INLINE static Words start(const Group& group, int v, int minus_sum) {
    return Dot::start(group.zeros[v], minus_sum);
  }
  HB_INLINE static Vec value(Words sum, const Group& group, int v, int minus_sum) {
    return words_to_vec(Dot::total(sum, group.zeros[v], minus_sum));
  }
  HB_INLINE static Vec scale(const Group& group, int v, float x_scale) {
    return group.scales[v] * broadcast(x_scale);
  }
  HB_INLINE static Vec whole(Vec sum, const uint8_t* /*end*/, int /*v*/) { return sum; }
};

// totals[r][s][v] += one part of a step.
template <class Strip, int part, int R, int S>
HB_INLINE void add_part(const IntegerRow (&x)[R], int64_t x_offset, const uint8_t* codes, int64_t strip_bytes,
                        Words (&totals)[R][S][kStripVecs]) {
  using Dot = typename Strip::Dot;
  Words weights[S][kStripVecs];
#pragma GCC unroll 4
  for (int s = 0; s < S; s++) {
#pragma GCC unroll 4
    for (int v = 0; v < kStripVecs; v++)
      weights[s][v] = Dot::template weights<part>(codes + s * strip_bytes + v * kLanes * 4);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    const auto values = Dot::template values<part>(x[r].codes + x_offset);
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) {
#pragma GCC unroll 4
      for (int v = 0; v < kStripVecs; v++) totals[r][s][v] = Dot::add(weights[s][v], values, totals[r][s][v]);
    }
  }
}

// sums[r][s][v] += the products of one unit, whose codes begin at `codes`.
template <class Strip, int R, int S>
HB_INLINE void add_unit(const IntegerRow (&x)[R], int64_t unit, const uint8_t* codes, int64_t strip_bytes,
                        const typename Strip::Group (&groups)[S], Vec (&sums)[R][S][kStripVecs]) {
  using Dot = typename Strip::Dot;
  constexpr int kSteps = kUnit / Dot::kDepth;
  constexpr int kValueBytes = Dot::kDepth * (Dot::kWide ? 2 : 1);
  Words totals[R][S][kStripVecs];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) {
#pragma GCC unroll 4
      for (int v = 0; v < kStripVecs; v++)
        totals[r][s][v] = Strip::start(groups[s], v, x[r].minus_sums[unit]);
    }
  }
#pragma GCC unroll 8
  for (int step = 0; step < kSteps; step++, codes += Strip::kStepBytes) {
    const int64_t x_offset = (unit * kSteps + step) * kValueBytes;
    // Many rows share a strip that is in a cache already.
    if constexpr (R < kIntegerRows) prefetch(codes + kStripAhead);
    add_part<Strip, 0>(x, x_offset, codes, strip_bytes, totals);
    if constexpr (Dot::kParts == 2) add_part<Strip, 1>(x, x_offset, codes, strip_bytes, totals);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) {
#pragma GCC unroll 4
      for (int v = 0; v < kStripVecs; v++) {
        const Vec value = Strip::value(totals[r][s][v], groups[s], v, x[r].minus_sums[unit]);
        sums[r][s][v] = fma(value, Strip::scale(groups[s], v, x[r].scales[unit]), sums[r][s][v]);
      }
    }
  }
}

// Lanes of y in `row` from column `col` on = sum (+ bias) (+ y).
HB_INLINE void store_sum(const IntegerProduct& p, int64_t row, int64_t col, Vec sum) {
  const int64_t left = p.cols - col;
  const int lanes = left < 0 ? 0 : left < kLanes ? static_cast<int>(left) : kLanes;
  float* const y = p.y + row * p.y_stride + col;
  Vec total = p.accumulate ? load_n(y, lanes) : zero();
  if (p.bias != nullptr) total = total + load_n(p.bias + col, lanes);
  store_n(y, total + sum, lanes);
}

// The rows from `row` on with S strips, the first of which holds the columns from `col` on.
template <class Strip, int R, int S>
void integer_tile(const IntegerProduct& p, int64_t row, int64_t col) {
  constexpr int64_t kUnitBytes = kUnit / Strip::Dot::kDepth * Strip::kStepBytes;
  IntegerRow x[R];
  for (int r = 0; r < R; r++) x[r] = p.x[row + r];
  Vec sums[R][S][kStripVecs];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) {
#pragma GCC unroll 4
      for (int v = 0; v < kStripVecs; v++) sums[r][s][v] = zero();
    }
  }
  const uint8_t* codes = p.strips + col / kStrip * p.strip_bytes;
  const int64_t units = p.depth / kUnit;
  const int64_t group_units = Strip::group(p) / kUnit;
  for (int64_t first = 0; first < units; first += group_units) {
    const int64_t end = first + group_units < units ? first + group_units : units;
    const uint8_t* const tail = codes + (end - first) * kUnitBytes;
    typename Strip::Group groups[S];
#pragma GCC unroll 4
    for (int s = 0; s < S; s++) groups[s] = Strip::open(tail + s * p.strip_bytes);
    for (int64_t unit = first; unit < end; unit++, codes += kUnitBytes)
      add_unit<Strip, R, S>(x, unit, codes, p.strip_bytes, groups, sums);
    codes = tail + Strip::kTailBytes;
  }
  for (int r = 0; r < R; r++) {
    for (int s = 0; s < S; s++) {
      for (int v = 0; v < kStripVecs; v++)
        store_sum(p, row + r, col + s * kStrip + v * kLanes,
                  Strip::whole(sums[r][s][v], codes + s * p.strip_bytes, v));
    }
  }
}

// Rows [begin, end), a multiple of R, with all columns: S strips at a time stay in a cache from tile to tile.
template <class Strip, int R, int S>
HB_INLINE void integer_tiles(const IntegerProduct& p, int64_t begin, int64_t end) {
  int64_t col = 0;
  for (; col + (S - 1) * kStrip < p.cols; col += S * kStrip)
    for (int64_t row = begin; row < end; row += R) integer_tile<Strip, R, S>(p, row, col);
  if constexpr (S > 1)
    for (int64_t row = begin; row < end && col < p.cols; row += R) integer_tile<Strip, R, 1>(p, row, col);
}

// Few rows wait for memory, which gives most where it is read in one stream.
template <class Strip>
void integer_product(const IntegerProduct& p) {
  constexpr int kFew = kIntegerRows < 4 ? kIntegerRows : 4;
  const int64_t many = p.rows < kManyRows ? 0 : p.rows / kIntegerRows * kIntegerRows;
  const int64_t few = many + (p.rows - many) / kFew * kFew;
  const int64_t twos = few + (p.rows - few) / 2 * 2;
  integer_tiles<Strip, kIntegerRows, kIntegerStrips>(p, 0, many);
  integer_tiles<Strip, kFew, 1>(p, many, few);
  if constexpr (kFew > 2) integer_tiles<Strip, 2, 1>(p, few, twos);
  integer_tiles<Strip, 1, 1>(p, kFew > 2 ? twos : few, p.rows);
}

inline void quantize_units(const float* x, int64_t cols, int8_t* codes, float* scales, int32_t* minus_sums) {
  constexpr int kVecs = kUnit / kLanes;
  for (int64_t k = 0; k < cols; k += kUnit, codes += kUnit) {
    const int64_t left = cols - k;
    Vec values[kVecs];
    Vec most = zero();
    Vec not_finite = zero();
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; v++) {
      const int64_t rest = left - v * kLanes;
      const int lanes = rest < 0 ? 0 : rest < kLanes ? static_cast<int>(rest) : kLanes;
      values[v] = lanes == kLanes ? load(x + k + v * kLanes) : load_n(x + k + v * kLanes, lanes);
      most = max(most, abs(values[v]));
      not_finite = not_finite + (values[v] - values[v]);
    }
    const float largest = reduce_max(most);
    const float scale = largest / 127.0f;
    // Below the smallest normal scale the quotient would leave the range of a float.
    const Vec inverse = broadcast(scale >= 0x1p-126f ? 1.0f / scale : 0.0f);
    alignas(64) float rounded[kUnit];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; v++) store(rounded + v * kLanes, round(values[v] * inverse));
    const float spoiled = reduce_add(not_finite);
    int32_t sum = 0;
    for (int i = 0; i < kUnit; i++) {
      const auto code = spoiled == 0.0f ? static_cast<int32_t>(rounded[i]) : 0;
      codes[i] = static_cast<int8_t>(code);
      sum += code;
    }
    *scales++ = scale + spoiled;
    *minus_sums++ = -sum;
  }
}

}  // namespace honeybee::cpu::HB_ISA
