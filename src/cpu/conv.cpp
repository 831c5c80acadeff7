#include <algorithm>

#include "cpu/conv_kernels.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet depthwise_variants("depthwise_conv3x3", "f32");

}  // namespace

void depthwise_conv3x3(Cpu& cpu, const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) {
  require_f32("depthwise_conv3x3", {&x, &y});
  const ConvKernels& kernels = conv_kernels(cpu.isa);
  depthwise_variants.ran(cpu.isa);
  // Stands for every cell outside the grid.
  float* zeros = cpu.scratch.get<float>(0, x.cols);
  std::fill_n(zeros, x.cols, 0.0f);
  const int64_t lines = x.rows / grid.height / grid.width * grid.height;
  for_each_row(cpu, lines, grid.width * x.cols, [&](int64_t line) {
    const int64_t first = line / grid.height * grid.cells();
    const int64_t row = line % grid.height;
    const auto cell = [&](int64_t i, int64_t j) -> const float* {
      const bool inside = i >= 0 && i < grid.height && j >= 0 && j < grid.width;
      return inside ? x.row<float>(first + i * grid.width + j) : zeros;
    };
    const auto window = [&]<int64_t columns>(int64_t col) {
      ConvWindow<columns> w;
      for (int64_t ky = 0; ky < 3; ky++) {
        for (int64_t j = 0; j < columns + 2; j++) w.in[ky][j] = cell(row + ky - 1, col + j - 1);
      }
      for (int64_t j = 0; j < columns; j++) w.out[j] = y.row<float>(first + row * grid.width + col + j);
      return w;
    };
    int64_t col = 0;
    for (; col + kConvColumns <= grid.width; col += kConvColumns) {
      kernels.depthwise_columns(window.operator()<kConvColumns>(col), weight.row<float>(0), x.cols);
    }
    for (; col < grid.width; col++) {
      kernels.depthwise_cell(window.operator()<1>(col), weight.row<float>(0), x.cols);
    }
  });
}

}  // namespace honeybee::cpu
