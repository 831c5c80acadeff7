#pragma once
#include "cpu/linear_kernels.h"
#include "cpu/vec.h"

/// The products of linear_kernels.h over the vectors of vec.h. A register tile holds R rows × V vectors of
/// sums; each step loads V vectors of weights once and multiplies them with one broadcast value of each row.
namespace honeybee::cpu::HB_ISA {

// Rows and vectors of the register tile: as many sums as the registers hold beside the weights of a step.
#if defined(__AVX512F__)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVecs = 4;
inline constexpr int kRowVecs = 4;  // with a single row
inline constexpr int kFewVecs = 4;  // with two or three
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVecs = 2;
inline constexpr int kRowVecs = 8;
inline constexpr int kFewVecs = 4;
#else
inline constexpr int kTileRows = 4;
inline constexpr int kTileVecs = 2;
inline constexpr int kRowVecs = 8;
inline constexpr int kFewVecs = 4;
#endif

// How a dtype is multiplied. A step takes kWidth values of k in kParts products: `weights<part>` are those of
// kLanes columns, `value` that of a row.
struct F32Weights {
  using X = float;
  using W = float;
  static constexpr int kWidth = 1;
  static constexpr int kParts = 1;
  template <int>
  HB_INLINE static Vec weights(const W* w) {
    return load(w);
  }
  HB_INLINE static Vec value(const X* x) { return broadcast(*x); }
  HB_INLINE static Vec add_product(Vec x, Vec w, Vec sum) { return fma(x, w, sum); }
};

struct F16Weights {
  using X = float;
  using W = uint16_t;
  static constexpr int kWidth = 1;
  static constexpr int kParts = 1;
  template <int>
  HB_INLINE static Vec weights(const W* w) {
    return load_f16(w);
  }
  HB_INLINE static Vec value(const X* x) { return broadcast(*x); }
  HB_INLINE static Vec add_product(Vec x, Vec w, Vec sum) { return fma(x, w, sum); }
};

struct Bf16Weights {
  using X = float;
  using W = uint16_t;
  static constexpr int kWidth = 2;
  static constexpr int kParts = 2;
  template <int part>
  HB_INLINE static Vec weights(const W* w) {
    if constexpr (part == 0)
      return even(load_pairs(w));
    else
      return odd(load_pairs(w));
  }
  HB_INLINE static Vec value(const X* x) { return broadcast(*x); }
  HB_INLINE static Vec add_product(Vec x, Vec w, Vec sum) { return fma(x, w, sum); }
};

// The weight times 2^-8, and so the sum.
struct Fp8Weights {
  using X = float;
  using W = uint8_t;
  static constexpr int kWidth = 1;
  static constexpr int kParts = 1;
  template <int>
  HB_INLINE static Vec weights(const W* w) {
    return load_f8(w);
  }
  HB_INLINE static Vec value(const X* x) { return broadcast(*x); }
  HB_INLINE static Vec add_product(Vec x, Vec w, Vec sum) { return fma(x, w, sum); }
};

struct Bf16Pairs {
  using X = uint16_t;
  using W = uint16_t;
  static constexpr int kWidth = 2;
  static constexpr int kParts = 1;
  template <int>
  HB_INLINE static Pairs weights(const W* w) {
    return load_pairs(w);
  }
  HB_INLINE static Pairs value(const X* x) { return broadcast_pair(x); }
  HB_INLINE static Vec add_product(Pairs x, Pairs w, Vec sum) { return dot_pairs(x, w, sum); }
};

// Bytes of one panel that are multiplied with all rows before the next: they stay in the second-level cache.
inline constexpr int64_t kBlockBytes = 128 << 10;
// How far ahead of its use a panel is fetched.
inline constexpr int64_t kPrefetchBytes = 2048;

// One block of k of one tile.
template <class Format>
struct TileJob {
  const typename Format::X* x;
  int64_t x_stride;
  const typename Format::W* w;
  int64_t k;
  float* y;
  int64_t y_stride;
  int cols;           // from the tile's first column on; >= V · kLanes unless the tile is cut
  const float* bias;  // or null
  bool from_y;
};

// The part of a step for values of k that lie `part` after the step's first.
template <class Format, int R, int V, int part>
HB_INLINE void add_part(Vec (&sum)[R][V], const typename Format::X* x, int64_t x_stride,
                        const typename Format::W* w) {
  using Weights = decltype(Format::template weights<part>(w));
  Weights weights[V];
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) weights[v] = Format::template weights<part>(w + v * kLanes * Format::kWidth);
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    const auto value = Format::value(x + r * x_stride + part);
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) sum[r][v] = Format::add_product(value, weights[v], sum[r][v]);
  }
}

template <class Format, int R, int V, bool kCut>
void tile(const TileJob<Format>& job) {
  const auto lanes = [&](int v) {
    const int left = job.cols - v * kLanes;
    return left < 0 ? 0 : left < kLanes ? left : kLanes;
  };
  const auto load_cols = [&](const float* p, int v) {
    return kCut ? load_n(p + v * kLanes, lanes(v)) : load(p + v * kLanes);
  };
  Vec sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      sum[r][v] = job.from_y ? load_cols(job.y + r * job.y_stride, v) : zero();
      if (job.bias != nullptr) sum[r][v] = sum[r][v] + load_cols(job.bias, v);
    }
  }
  const auto* x = job.x;
  const auto* w = job.w;
  const int64_t x_stride = job.x_stride;
  constexpr int64_t kRow = kPanel * Format::kWidth;
  for (int64_t steps = job.k / Format::kWidth; steps > 0; steps--) {
    constexpr int64_t kAhead = kPrefetchBytes / static_cast<int64_t>(sizeof(*w));
#pragma GCC unroll 8
    for (int v = 0; v < V * kLanes * Format::kWidth; v += 64 / static_cast<int>(sizeof(*w)))
      prefetch(w + kAhead + v);
    add_part<Format, R, V, 0>(sum, x, x_stride, w);
    if constexpr (Format::kParts == 2) add_part<Format, R, V, 1>(sum, x, x_stride, w);
    x += Format::kWidth;
    w += kRow;
  }
  if constexpr (Format::kParts == 2)
    if (job.k % 2 != 0) add_part<Format, R, V, 0>(sum, x, x_stride, w);
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      float* const y = job.y + r * job.y_stride + v * kLanes;
      if constexpr (kCut)
        store_n(y, sum[r][v], lanes(v));
      else
        store(y, sum[r][v]);
    }
  }
}

template <class Format, int R, int V>
HB_INLINE void whole_or_cut(const TileJob<Format>& job) {
  if (job.cols >= V * kLanes)
    tile<Format, R, V, false>(job);
  else
    tile<Format, R, V, true>(job);
}

// All rows of one block of k and one group of columns.
template <class Format>
HB_INLINE void tile_rows(TileJob<Format> job, int64_t rows) {
  const auto advance = [&](int count) {
    job.x += count * job.x_stride;
    job.y += count * job.y_stride;
    rows -= count;
  };
  for (; rows >= kTileRows; advance(kTileRows)) whole_or_cut<Format, kTileRows, kTileVecs>(job);
  switch (rows) {
    case 5:
      if constexpr (kTileRows > 5) whole_or_cut<Format, 5, kTileVecs>(job);
      return;
    case 4:
      if constexpr (kTileRows > 4) whole_or_cut<Format, 4, kTileVecs>(job);
      return;
    case 3:
      return whole_or_cut<Format, 3, kTileVecs>(job);
    case 2:
      return whole_or_cut<Format, 2, kTileVecs>(job);
    case 1:
      return whole_or_cut<Format, 1, kTileVecs>(job);
  }
}

template <class Format>
void panel_product(const PanelProduct& p) {
  constexpr int64_t kBlock = kBlockBytes / (kPanel * static_cast<int64_t>(sizeof(typename Format::W)));
  const auto* const x = static_cast<const typename Format::X*>(p.x);
  const auto* const panel = static_cast<const typename Format::W*>(p.panel);
  // Few rows are bound by memory: wide tiles read the panel in fewer passes.
  const int step = (p.rows == 1 ? kRowVecs : p.rows <= 3 ? kFewVecs : kTileVecs) * kLanes;
  for (int64_t k = 0; k < p.k; k += kBlock) {
    for (int col = 0; col < p.cols; col += step) {
      const TileJob<Format> job = {.x = x + k,
                                   .x_stride = p.x_stride,
                                   .w = panel + k * kPanel + col * Format::kWidth,
                                   .k = p.k - k < kBlock ? p.k - k : kBlock,
                                   .y = p.y + col,
                                   .y_stride = p.y_stride,
                                   .cols = p.cols - col,
                                   .bias = k == 0 && p.bias != nullptr ? p.bias + col : nullptr,
                                   .from_y = k > 0 || p.accumulate};
      if (p.rows == 1) {
        whole_or_cut<Format, 1, kRowVecs>(job);
      } else if (p.rows == 2) {
        whole_or_cut<Format, 2, kFewVecs>(job);
      } else if (p.rows == 3) {
        whole_or_cut<Format, 3, kFewVecs>(job);
      } else {
        tile_rows(job, p.rows);
      }
    }
  }
}

inline void unpack_fp8(const uint8_t* panel, int64_t k, uint16_t* target) {
  for (int64_t i = 0; i < k; i += 2, panel += 2 * kPanel, target += 2 * kPanel) {
    for (int n = 0; n < kPanel; n += kLanes)
      store_pairs(target + 2 * n, make_pairs(load_f8(panel + n), load_f8(panel + kPanel + n)));
  }
}

}  // namespace honeybee::cpu::HB_ISA
