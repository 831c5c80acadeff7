#pragma once
#include <cstdint>

#include "cpu/linear_kernels.h"

/// The bf16 product over tile registers. `Tiles` is AmxTiles, or the emulation that the tests run where the
/// processor has no tiles.
namespace honeybee::cpu::HB_ISA {

inline constexpr int kTile = 16;        // rows of a tile, and columns of a tile of sums
inline constexpr int kTileDepth = 32;   // values of k in a tile
inline constexpr int kSquare = 32;      // 2 × 2 tiles of sums share two loads of x and two of weights
inline constexpr int64_t kDepth = 256;  // a block of this depth of the panel stays in the first-level cache

// y starts as what is added to the product; later blocks of k read it back.
inline void prepare_sums(const PanelProduct& p) {
  for (int64_t r = 0; r < p.rows; r++) {
    float* const y = p.y + r * p.y_stride;
    for (int c = 0; c < p.cols; c++) {
      const float start = p.accumulate ? y[c] : 0.0f;
      y[c] = p.bias != nullptr ? start + p.bias[c] : start;
    }
  }
}

inline void copy_sums(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                      int cols) {
  for (int64_t r = 0; r < rows; r++)
    for (int c = 0; c < cols; c++) to[r * to_stride + c] = from[r * from_stride + c];
}

// sums[32][32] += x · w over `k` values. x: two row tiles of [k_all/32][16][32], 16 · k_all values apart; w:
// the panel from the square's first column on.
template <class Tiles>
inline void add_square(const uint16_t* x, int64_t k_all, const uint16_t* w, int64_t k, float* sums,
                       int64_t stride) {
  constexpr int64_t kWeightStride = kPanel * 2 * sizeof(uint16_t);
  const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
  float* const below = sums + kTile * stride;
  Tiles::template load<0>(sums, bytes);
  Tiles::template load<1>(sums + kTile, bytes);
  Tiles::template load<2>(below, bytes);
  Tiles::template load<3>(below + kTile, bytes);
  const uint16_t* const x_below = x + kTile * k_all;
  for (int64_t i = 0; i < k; i += kTileDepth) {
    const uint16_t* const weights = w + i * kPanel;
    Tiles::template load<6>(weights, kWeightStride);
    Tiles::template load<4>(x + i * kTile, kTileDepth * 2);
    Tiles::template add_product<0, 4, 6>();
    Tiles::template load<7>(weights + kTile * 2, kWeightStride);
    Tiles::template add_product<1, 4, 7>();
    Tiles::template load<5>(x_below + i * kTile, kTileDepth * 2);
    Tiles::template add_product<2, 5, 6>();
    Tiles::template add_product<3, 5, 7>();
  }
  Tiles::template store<0>(sums, bytes);
  Tiles::template store<1>(sums + kTile, bytes);
  Tiles::template store<2>(below, bytes);
  Tiles::template store<3>(below + kTile, bytes);
}

/// LinearKernels::bf16_rounded with `tiled`.
template <class Tiles>
void tile_product(const PanelProduct& p) {
  prepare_sums(p);
  Tiles::configure(kTileDepth * 2);
  const auto* const panel = static_cast<const uint16_t*>(p.panel);
  for (int64_t k = 0; k < p.k; k += kDepth) {
    const int64_t depth = p.k - k < kDepth ? p.k - k : kDepth;
    for (int col = 0; col < p.cols; col += kSquare) {
      const uint16_t* const w = panel + k * kPanel + col * 2;
      const int cols = p.cols - col < kSquare ? p.cols - col : kSquare;
      for (int64_t row = 0; row < p.rows; row += kSquare) {
        const uint16_t* const x = static_cast<const uint16_t*>(p.x) + row * p.x_stride + k * kTile;
        const int64_t rows = p.rows - row < kSquare ? p.rows - row : kSquare;
        float* const y = p.y + row * p.y_stride + col;
        if (rows == kSquare && cols == kSquare) {
          add_square<Tiles>(x, p.x_stride, w, depth, y, p.y_stride);
          continue;
        }
        alignas(64) float sums[kSquare * kSquare] = {};
        copy_sums(y, p.y_stride, sums, kSquare, rows, cols);
        add_square<Tiles>(x, p.x_stride, w, depth, sums, kSquare);
        copy_sums(sums, kSquare, y, p.y_stride, rows, cols);
      }
    }
  }
  Tiles::release();
}

}  // namespace honeybee::cpu::HB_ISA
