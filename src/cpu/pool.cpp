#include <algorithm>

#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/pool_kernels.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet mean_rows_variants("mean_rows", "f32");
VariantSet gate_channels_variants("gate_channels", "f32");
VariantSet adaptive_avg_pool_variants("adaptive_avg_pool", "f32");

struct Bin {
  int64_t begin;
  int64_t end;
};

// PyTorch's bins of adaptive pooling: [floor(i·from/to), ceil((i+1)·from/to)); neighbours may overlap.
Bin adaptive_bin(int64_t i, int64_t from, int64_t to) {
  return {i * from / to, ((i + 1) * from + to - 1) / to};
}

}  // namespace

void mean_rows(Cpu& cpu, const Tensor& x, const Tensor& y) {
  require_f32("mean_rows", {&x, &y});
  const auto kernel = pool_kernels(cpu.isa).mean_window;
  mean_rows_variants.ran(cpu.isa);
  const int64_t rows = x.rows / y.rows;
  // One item has few outputs of many inputs each, so its channels are shared among the threads.
  constexpr int64_t kChannels = 128;
  const int64_t pieces = (x.cols + kChannels - 1) / kChannels;
  for_each_row(cpu, y.rows * pieces, rows * kChannels, [&](int64_t i) {
    const int64_t item = i / pieces;
    const int64_t col = i % pieces * kChannels;
    const PoolWindow window{x.row<float>(item * rows) + col, 1, rows, 0, x.stride};
    kernel(window, std::min(kChannels, x.cols - col), y.row<float>(item) + col);
  });
}

void gate_channels(Cpu& cpu, const Tensor& gate, const Tensor& x) {
  require_f32("gate_channels", {&gate, &x});
  const PoolKernels& kernels = pool_kernels(cpu.isa);
  gate_channels_variants.ran(cpu.isa);
  float* open = cpu.scratch.get<float>(0, gate.size());
  for (int64_t b = 0; b < gate.rows; b++)
    kernels.sigmoid(gate.row<float>(b), open + b * gate.cols, gate.cols);
  const int64_t rows = x.rows / gate.rows;
  for_each_row(cpu, x.rows, x.cols,
               [&](int64_t r) { kernels.multiply(open + r / rows * x.cols, x.row<float>(r), x.cols); });
}

void adaptive_avg_pool(Cpu& cpu, const Tensor& x, Grid from, Grid to, const Tensor& y) {
  require_f32("adaptive_avg_pool", {&x, &y});
  const auto kernel = pool_kernels(cpu.isa).mean_window;
  adaptive_avg_pool_variants.ran(cpu.isa);
  for_each_row(cpu, y.rows, 4 * y.cols, [&](int64_t r) {
    const int64_t cell = r % to.cells();
    const Bin rows = adaptive_bin(cell / to.width, from.height, to.height);
    const Bin cols = adaptive_bin(cell % to.width, from.width, to.width);
    const int64_t first = r / to.cells() * from.cells() + rows.begin * from.width + cols.begin;
    const PoolWindow window{x.row<float>(first), rows.end - rows.begin, cols.end - cols.begin,
                            from.width * x.stride, x.stride};
    kernel(window, x.cols, y.row<float>(r));
  });
}

}  // namespace honeybee::cpu
