#include "cpu/packed_matrix.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "cpu/convert.h"
#include "cpu/fp8_matrix.h"
#include "cpu/integer_matrix.h"
#include "cpu/ops.h"
#include "cpu/transpose.h"

namespace honeybee::cpu {
namespace {

constexpr int64_t kDepthUnit = 32;
// Values of k that are packed at once: 64 rows of them fit the second-level cache.
constexpr int64_t kPackDepth = 256;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// source[64][stride] of pairs of f16 → target[2 · pairs][64].
void transpose_halves(const uint32_t* source, int64_t stride, int64_t pairs, uint16_t* target) {
  uint32_t columns[4 * kPanel];
  for (int64_t p = 0; p < pairs; p += 4) {
    transpose_words(source + p, stride, kPanel, 4, columns, kPanel);
    for (int64_t i = 0; i < 4; i++) {
      uint16_t* const even = target + 2 * (p + i) * kPanel;
      for (int64_t n = 0; n < kPanel; n++) even[n] = static_cast<uint16_t>(columns[i * kPanel + n]);
      for (int64_t n = 0; n < kPanel; n++)
        even[kPanel + n] = static_cast<uint16_t>(columns[i * kPanel + n] >> 16);
    }
  }
}

}  // namespace

PackedMatrix::PackedMatrix(Cpu& cpu, const RowSource& source, Dtype dtype)
    : Matrix(source.rows(), source.cols(), dtype),
      depth_(round_up(source.cols(), kDepthUnit)),
      memory_(static_cast<size_t>(panels()) * panel_bytes()) {
  const int64_t slice_bytes =
      round_up(kPanel * source.cols() * static_cast<int64_t>(dtype_size(source.dtype())), 64);
  const int workers = static_cast<int>(std::min<int64_t>(cpu.pool.threads(), panels()));
  const HostMemory slices(static_cast<size_t>(workers * slice_bytes));
  // Task w is worker w's whole share when all run; panels are dealt one by one, for balance.
  std::atomic<int64_t> next{0};
  cpu.pool.run(workers, [&](int64_t task, int) {
    char* const slice = static_cast<char*>(slices.data()) + task * slice_bytes;
    for (int64_t p = next++; p < panels(); p = next++) pack_panel(cpu.isa, p, source, slice);
  });
}

const void* PackedMatrix::panel(int64_t index) const {
  return static_cast<const char*>(memory_.data()) + static_cast<size_t>(index) * panel_bytes();
}

void PackedMatrix::pack_panel(Isa isa, int64_t index, const RowSource& source, char* slice) {
  const int64_t begin = index * kPanel;
  const int64_t rows = std::min<int64_t>(kPanel, out() - begin);
  source.read(begin, rows, slice);

  const int64_t source_size = static_cast<int64_t>(dtype_size(source.dtype()));
  const int64_t size = static_cast<int64_t>(dtype_size(dtype()));
  char* const panel = static_cast<char*>(memory_.data()) + static_cast<size_t>(index) * panel_bytes();
  // [64][kPackDepth] of the target dtype; a little wider, so that rows do not fall on the same cache lines.
  constexpr int64_t kStride = kPackDepth + 16;
  alignas(64) uint32_t block[kPanel * kStride];
  char* const values = reinterpret_cast<char*>(block);
  if (rows < kPanel) std::memset(block, 0, sizeof block);

  for (int64_t k = 0; k < in(); k += kPackDepth) {
    const int64_t count = std::min(kPackDepth, in() - k);
    const int64_t padded = round_up(count, kDepthUnit);
    for (int64_t r = 0; r < rows; r++) {
      char* const row = values + r * kStride * size;
      convert(isa, source.dtype(), slice + (r * in() + k) * source_size, dtype(), row, count);
      std::memset(row + count * size, 0, static_cast<size_t>((padded - count) * size));
    }
    char* const target = panel + k * kPanel * size;
    if (dtype() == Dtype::kF32) {
      transpose_words(block, kStride, kPanel, padded, reinterpret_cast<uint32_t*>(target), kPanel);
    } else if (dtype() == Dtype::kBF16) {
      transpose_words(block, kStride / 2, kPanel, padded / 2, reinterpret_cast<uint32_t*>(target), kPanel);
    } else {
      transpose_halves(block, kStride / 2, padded / 2, reinterpret_cast<uint16_t*>(target));
    }
  }
}

void PackedMatrix::read_row(int64_t index, float* target) const {
  const int64_t n = index % kPanel;
  if (dtype() == Dtype::kF32) {
    const auto* const values = static_cast<const float*>(panel(index / kPanel));
    for (int64_t k = 0; k < in(); k++) target[k] = values[k * kPanel + n];
    return;
  }
  const auto* const values = static_cast<const uint16_t*>(panel(index / kPanel));
  if (dtype() == Dtype::kBF16) {
    for (int64_t k = 0; k < in(); k++) target[k] = float_from_bf16(values[(k / 2 * kPanel + n) * 2 + k % 2]);
  } else {
    for (int64_t k = 0; k < in(); k++) target[k] = float_from_f16(values[k * kPanel + n]);
  }
}

std::unique_ptr<Weight> load_matrix(Cpu& cpu, const RowSource& source, Dtype dtype) {
  if (dtype == Dtype::kInt8 || dtype == Dtype::kInt4)
    return std::make_unique<IntegerMatrix>(cpu, source, dtype);
  if (dtype == Dtype::kFp8) return std::make_unique<Fp8Matrix>(cpu, source);
  return std::make_unique<PackedMatrix>(cpu, source, dtype);
}

}  // namespace honeybee::cpu
