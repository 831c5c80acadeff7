#include "cpu/linear_pack.h"

#include <algorithm>
#include <cstring>

#include "cpu/convert.h"
#include "cpu/parallel.h"

namespace honeybee::cpu {

RoundedRows round_rows(Cpu& cpu, const Tensor& x) {
  constexpr int64_t kLine = 32;
  const int64_t k = x.cols + x.cols % 2;
  // A cache line longer than the data, so that equal columns do not compete for the same cache set.
  const int64_t stride = (k + kLine - 1) / kLine * kLine + kLine;
  auto* const rounded = cpu.scratch.get<uint16_t>(0, x.rows * stride);
  for_each_row(cpu, x.rows, k, [&](int64_t r) {
    uint16_t* const row = rounded + r * stride;
    convert(cpu.isa, Dtype::kF32, x.row<float>(r), Dtype::kBF16, row, x.cols);
    if (k > x.cols) row[x.cols] = 0;
  });
  return {.data = rounded, .stride = stride, .k = k};
}

RoundedRows round_tiles(Cpu& cpu, const Tensor& x, int64_t depth) {
  constexpr int64_t kRows = 16;
  constexpr int64_t kDepth = 32;
  constexpr int64_t kPiece = 512;
  const int64_t rows = (x.rows + 2 * kRows - 1) / (2 * kRows) * (2 * kRows);
  auto* const tiles = cpu.scratch.get<uint16_t>(0, rows * depth);
  for_each_row(cpu, rows, depth, [&](int64_t r) {
    uint16_t* target = tiles + r / kRows * kRows * depth + r % kRows * kDepth;
    for (int64_t k = 0; k < depth; k += kPiece) {
      uint16_t piece[kPiece] = {};
      const int64_t count = r < x.rows ? std::min(kPiece, x.cols - k) : 0;
      if (count > 0) convert(cpu.isa, Dtype::kF32, x.row<float>(r) + k, Dtype::kBF16, piece, count);
      for (int64_t i = 0; i < std::min(kPiece, depth - k); i += kDepth, target += kRows * kDepth)
        std::memcpy(target, piece + i, kDepth * sizeof(uint16_t));
    }
  });
  return {.data = tiles, .stride = depth, .k = depth};
}

}  // namespace honeybee::cpu
