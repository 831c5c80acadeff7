#include "cublaslt_product.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace honeybee::simt {
namespace {

using cuda::lt::DataType;

// Blocks of B stay in the first cache, blocks of A in the second.
constexpr int64_t kDepth = 256;      // of a block of A and of B
constexpr int64_t kBlockRows = 128;  // of A
constexpr int64_t kTileRows = 8;     // two vectors
constexpr int64_t kTileCols = 4;

using Vector = float __attribute__((vector_size(16)));

// Of every code: sign, 4 bits of exponent with bias 7, 3 of mantissa; 0x7f and 0xff are NaN.
const std::array<float, 256>& e4m3_values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> table{};
    for (int code = 0; code < 256; code++) {
      const int exponent = code >> 3 & 15, mantissa = code & 7;
      const float magnitude = (code & 0x7f) == 0x7f ? NAN
                              : exponent == 0       ? std::ldexp(static_cast<float>(mantissa), -9)
                                              : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
      table[static_cast<size_t>(code)] = code < 128 ? magnitude : -magnitude;
    }
    return table;
  }();
  return values;
}

float load(const MatrixView& view, int64_t row, int64_t col) {
  const int64_t at = row * view.row_stride + col * view.col_stride;
  switch (view.type) {
    case DataType::kF32:
      return static_cast<const float*>(view.data)[at];
    case DataType::kBf16:
      return __bfloat162float(static_cast<const __nv_bfloat16*>(view.data)[at]);
    case DataType::kF16:
      return __half2float(static_cast<const __half*>(view.data)[at]);
    case DataType::kE4m3:
      return e4m3_values()[static_cast<const uint8_t*>(view.data)[at]];
  }
  return 0;
}

void store(const MatrixView& view, int64_t row, int64_t col, float value) {
  const int64_t at = row * view.row_stride + col * view.col_stride;
  switch (view.type) {
    case DataType::kF32:
      static_cast<float*>(view.data)[at] = value;
      break;
    case DataType::kBf16:
      static_cast<__nv_bfloat16*>(view.data)[at] = __float2bfloat16(value);
      break;
    case DataType::kF16:
      static_cast<__half*>(view.data)[at] = __float2half(value);
      break;
    case DataType::kE4m3:
      break;  // never a result
  }
}

// Rows [row, row + rows) × columns [col, col + depth) as panels of `tile` rows, [depth][tile] each, zeros
// behind the last row.
void pack(const MatrixView& a, int64_t row, int64_t rows, int64_t col, int64_t depth, int64_t tile,
          float* target) {
  for (int64_t panel = 0; panel < rows; panel += tile) {
    for (int64_t p = 0; p < depth; p++) {
      for (int64_t i = 0; i < tile; i++)
        *target++ = panel + i < rows ? load(a, row + panel + i, col + p) : 0.0f;
    }
  }
}

MatrixView transposed(const MatrixView& view) {
  return {view.data, view.type, view.col_stride, view.row_stride};
}

// sums [kTileCols][kTileRows] = a panel of A times a panel of B.
void multiply_panels(const float* a, const float* b, int64_t depth, Vector (&sums)[kTileCols][2]) {
  Vector s[kTileCols][2] = {};
  for (int64_t p = 0; p < depth; p++) {
    Vector rows[2];
    std::memcpy(rows, a + p * kTileRows, sizeof rows);
    for (int64_t j = 0; j < kTileCols; j++) {
      const float factor = b[p * kTileCols + j];
      s[j][0] += rows[0] * factor;
      s[j][1] += rows[1] * factor;
    }
  }
  std::copy(&s[0][0], &s[0][0] + kTileCols * 2, &sums[0][0]);
}

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// A · B, column by column without gaps.
std::vector<float> sums_of(const Product& product) {
  const int64_t m = product.m, n = product.n, k = product.k;
  std::vector<float> sums(static_cast<size_t>(m * n), 0.0f);
  std::vector<float> a_block(static_cast<size_t>(kBlockRows * kDepth));
  std::vector<float> b_block(static_cast<size_t>(round_up(n, kTileCols) * kDepth));
  for (int64_t p = 0; p < k; p += kDepth) {
    const int64_t depth = std::min(kDepth, k - p);
    pack(transposed(product.b), 0, n, p, depth, kTileCols, b_block.data());
    for (int64_t i = 0; i < m; i += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, m - i);
      pack(product.a, i, rows, p, depth, kTileRows, a_block.data());
      for (int64_t col = 0; col < n; col += kTileCols) {
        for (int64_t row = 0; row < rows; row += kTileRows) {
          Vector tile[kTileCols][2];
          multiply_panels(a_block.data() + row * depth, b_block.data() + col * depth, depth, tile);
          for (int64_t y = 0; y < std::min(kTileCols, n - col); y++) {
            float* const target = sums.data() + (col + y) * m + i + row;
            for (int64_t x = 0; x < std::min(kTileRows, rows - row); x++) target[x] += tile[y][x / 4][x % 4];
          }
        }
      }
    }
  }
  return sums;
}

}  // namespace

void multiply(const Product& product) {
  const std::vector<float> sums = sums_of(product);
  for (int64_t col = 0; col < product.n; col++) {
    for (int64_t row = 0; row < product.m; row++) {
      float value = product.alpha * sums[static_cast<size_t>(col * product.m + row)];
      if (product.beta != 0) value += product.beta * load(product.c, row, col);
      if (product.bias.data != nullptr) value += load(product.bias, row, 0);
      store(product.d, row, col, value);
    }
  }
}

}  // namespace honeybee::simt
