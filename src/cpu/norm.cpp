#include "cpu/norm_kernels.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet layer_norm_variants("layer_norm", "f32");
VariantSet layer_norm_silu_variants("layer_norm_silu", "f32");
VariantSet add_layer_norm_variants("add_layer_norm", "f32");
VariantSet rms_norm_variants("rms_norm", "f32");

}  // namespace

void layer_norm(Cpu& cpu, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                const Tensor& y) {
  require_f32("layer_norm", {&x, &y});
  const auto kernel = norm_kernels(cpu.isa).layer_norm;
  layer_norm_variants.ran(cpu.isa);
  for_each_row(cpu, x.rows, x.cols, [&](int64_t r) {
    kernel(x.row<float>(r), weight.row<float>(0), bias.row<float>(0), x.cols, eps, y.row<float>(r));
  });
}

void layer_norm_silu(Cpu& cpu, const Tensor& x, const Tensor& weight, const Tensor& bias, float eps,
                     const Tensor& y) {
  require_f32("layer_norm_silu", {&x, &y});
  const auto kernel = norm_kernels(cpu.isa).layer_norm_silu;
  layer_norm_silu_variants.ran(cpu.isa);
  for_each_row(cpu, x.rows, x.cols, [&](int64_t r) {
    kernel(x.row<float>(r), weight.row<float>(0), bias.row<float>(0), x.cols, eps, y.row<float>(r));
  });
}

void add_layer_norm(Cpu& cpu, const Tensor& x, const Tensor& residual, const Tensor& weight,
                    const Tensor& bias, float eps, const Tensor& y) {
  require_f32("add_layer_norm", {&x, &residual, &y});
  const auto kernel = norm_kernels(cpu.isa).add_layer_norm;
  add_layer_norm_variants.ran(cpu.isa);
  for_each_row(cpu, x.rows, x.cols, [&](int64_t r) {
    kernel(x.row<float>(r), residual.row<float>(r), weight.row<float>(0), bias.row<float>(0), x.cols, eps,
           y.row<float>(r));
  });
}

void rms_norm(Cpu& cpu, const Tensor& x, const Tensor& weight, float eps, const Tensor& y) {
  require_f32("rms_norm", {&x, &y});
  const auto kernel = norm_kernels(cpu.isa).rms_norm;
  rms_norm_variants.ran(cpu.isa);
  for_each_row(cpu, x.rows, x.cols, [&](int64_t r) {
    kernel(x.row<float>(r), weight.row<float>(0), x.cols, eps, y.row<float>(r));
  });
}

}  // namespace honeybee::cpu
