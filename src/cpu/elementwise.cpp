#include "cpu/convert.h"
#include "cpu/elementwise_kernels.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet silu_variants("silu", "f32");
VariantSet gelu_variants("gelu", "f32");
VariantSet quick_gelu_variants("quick_gelu", "f32");
VariantSet relu_variants("relu", "f32");
VariantSet silu_mul_variants("silu_mul", "f32");
VariantSet add_variants("add", "f32");
VariantSet add_silu_variants("add_silu", "f32");

char* at(const Tensor& t, int64_t row, int64_t col) {
  return static_cast<char*>(t.data) + (row * t.stride + col) * static_cast<int64_t>(dtype_size(t.dtype));
}

}  // namespace

void activate(Cpu& cpu, Activation activation, const Tensor& x) {
  require_f32("activate", {&x});
  const ElementwiseKernels& kernels = elementwise_kernels(cpu.isa);
  void (*kernel)(float*, int64_t) = nullptr;
  switch (activation) {
    case Activation::kSilu:
      kernel = kernels.silu;
      silu_variants.ran(cpu.isa);
      break;
    case Activation::kGelu:
      kernel = kernels.gelu;
      gelu_variants.ran(cpu.isa);
      break;
    case Activation::kQuickGelu:
      kernel = kernels.quick_gelu;
      quick_gelu_variants.ran(cpu.isa);
      break;
    case Activation::kRelu:
      kernel = kernels.relu;
      relu_variants.ran(cpu.isa);
      break;
  }
  for_each_span(cpu, x.rows, x.cols, x.contiguous(),
                [&](int64_t r, int64_t begin, int64_t count) { kernel(x.row<float>(r) + begin, count); });
}

void silu_mul(Cpu& cpu, const Tensor& x, const Tensor& y) {
  require_f32("silu_mul", {&x, &y});
  const auto kernel = elementwise_kernels(cpu.isa).silu_mul;
  silu_mul_variants.ran(cpu.isa);
  // A row is cut too, because decoding has one row of many columns.
  constexpr int64_t kPiece = 2048;
  const int64_t pieces = (y.cols + kPiece - 1) / kPiece;
  cpu.pool.parallel_for(0, y.rows * pieces, kGrain / kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t col = i % pieces * kPiece;
      const float* gate = x.row<float>(i / pieces) + col;
      kernel(gate, gate + y.cols, y.row<float>(i / pieces) + col, std::min(kPiece, y.cols - col));
    }
  });
}

void add(Cpu& cpu, const Tensor& x, const Tensor& y) {
  require_f32("add", {&x, &y});
  const auto kernel = elementwise_kernels(cpu.isa).add;
  add_variants.ran(cpu.isa);
  const bool flat = x.rows == y.rows && x.contiguous() && y.contiguous();
  for_each_span(cpu, y.rows, y.cols, flat, [&](int64_t r, int64_t begin, int64_t count) {
    kernel(x.row<float>(r % x.rows) + begin, y.row<float>(r) + begin, count);
  });
}

void add_silu(Cpu& cpu, const Tensor& x, const Tensor& residual, const Tensor& y) {
  require_f32("add_silu", {&x, &residual, &y});
  const auto kernel = elementwise_kernels(cpu.isa).add_silu;
  add_silu_variants.ran(cpu.isa);
  const bool flat = x.contiguous() && residual.contiguous() && y.contiguous();
  for_each_span(cpu, y.rows, y.cols, flat, [&](int64_t r, int64_t begin, int64_t count) {
    kernel(x.row<float>(r) + begin, residual.row<float>(r) + begin, y.row<float>(r) + begin, count);
  });
}

void copy(Cpu& cpu, const Tensor& x, const Tensor& y) {
  const bool flat = x.contiguous() && y.contiguous();
  for_each_span(cpu, x.rows, x.cols, flat, [&](int64_t r, int64_t begin, int64_t count) {
    convert(cpu.isa, x.dtype, at(x, r, begin), y.dtype, at(y, r, begin), count);
  });
}

void gather_rows(Cpu& cpu, const Tensor& x, const Tensor& rows, const Tensor& y) {
  require_f32("gather_rows", {&x, &y});
  for_each_row(cpu, y.rows, y.cols, [&](int64_t r) {
    const int64_t from = *rows.row<int32_t>(r);
    if (from < 0 || from >= x.rows) {
      std::fill_n(y.row<float>(r), y.cols, 0.0f);
    } else {
      std::copy_n(x.row<float>(from), y.cols, y.row<float>(r));
    }
  });
}

}  // namespace honeybee::cpu
