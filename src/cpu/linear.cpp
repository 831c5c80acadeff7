#include <algorithm>

#include "cpu/fp8_linear.h"
#include "cpu/integer_linear.h"
#include "cpu/linear_pack.h"
#include "cpu/ops.h"
#include "cpu/packed_matrix.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet f32_variants("linear", "f32");
VariantSet f16_variants("linear", "f16");
VariantSet bf16_variants("linear", "bf16, x f32");
VariantSet rounded_variants("linear", "bf16", {Isa::kAvx512Bf16, Isa::kAmx});

// Up to this many rows float activations cost nothing: reading the weight takes longer. Measured on Zen 4
// with two threads; at five rows the bf16 product is ahead.
constexpr int64_t kFewRows = 4;

// Rows of one task: enough to make up for reading the panel, few enough that the threads finish together.
constexpr int64_t kTaskRows = 192;
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kLeastTaskRows = 48;

// A product with its activations as the kernel wants them.
struct Plan {
  LinearKernels::Kernel kernel = nullptr;
  const void* x = nullptr;
  int64_t x_stride = 0;  // elements
  int64_t x_row_bytes = 0;
  int64_t k = 0;
  int64_t row_unit = 0;  // tasks take a multiple of it: whole tiles of 4, 6 or 32 rows
};

Plan float_plan(LinearKernels::Kernel kernel, VariantSet& variants, Isa isa, const Tensor& x) {
  variants.ran(isa);
  return {.kernel = kernel,
          .x = x.data,
          .x_stride = x.stride,
          .x_row_bytes = x.stride * static_cast<int64_t>(sizeof(float)),
          .k = x.cols,
          .row_unit = 12};
}

Plan rounded_plan(Cpu& cpu, const Tensor& x, const PackedMatrix& w) {
  const LinearKernels& kernels = linear_kernels(cpu.bf16_isa);
  rounded_variants.ran(cpu.bf16_isa);
  const RoundedRows rows = kernels.tiled ? round_tiles(cpu, x, w.depth()) : round_rows(cpu, x);
  return {.kernel = kernels.bf16_rounded,
          .x = rows.data,
          .x_stride = rows.stride,
          .x_row_bytes = rows.stride * static_cast<int64_t>(sizeof(uint16_t)),
          .k = rows.k,
          .row_unit = kernels.tiled ? 32 : 12};
}

Plan plan_product(Cpu& cpu, const Tensor& x, const PackedMatrix& w) {
  if (w.dtype() == Dtype::kF32) return float_plan(linear_kernels(cpu.isa).f32, f32_variants, cpu.isa, x);
  if (w.dtype() == Dtype::kF16) return float_plan(linear_kernels(cpu.isa).f16, f16_variants, cpu.isa, x);
  const LinearKernels& kernels = linear_kernels(cpu.bf16_isa);
  // Which of the two products a row gets may not depend on its neighbours where the caller asks for that.
  if (kernels.bf16_rounded == nullptr || (x.rows <= kFewRows && !cpu.batch_invariant))
    return float_plan(kernels.bf16, bf16_variants, cpu.bf16_isa, x);
  return rounded_plan(cpu, x, w);
}

// How many rows a task takes, so that each thread gets some tasks of about the same size.
int64_t task_rows(int64_t rows, int64_t panels, int threads, int64_t unit) {
  const int64_t for_balance = (kTasksPerThread * threads + panels - 1) / panels;
  const int64_t tasks =
      std::max((rows + kTaskRows - 1) / kTaskRows, std::min(for_balance, rows / kLeastTaskRows));
  const int64_t share = (rows + tasks - 1) / tasks;
  return (share + unit - 1) / unit * unit;
}

void multiply(Cpu& cpu, const Tensor& x, const Weight& weight, const Tensor* bias, const Tensor& y,
              bool accumulate) {
  require_f32("linear", {&x, &y});
  if (const auto* const integers = dynamic_cast<const IntegerMatrix*>(&weight); integers != nullptr)
    return integer_linear(cpu, x, *integers, bias, y, accumulate);
  if (const auto* const fp8 = dynamic_cast<const Fp8Matrix*>(&weight); fp8 != nullptr)
    return fp8_linear(cpu, x, *fp8, bias, y, accumulate);
  const auto* const w = dynamic_cast<const PackedMatrix*>(&weight);
  require(w != nullptr, ErrorCode::kOption,
          "linear: the weight is a table or belongs to another backend, expected one of load_matrix");
  const Plan plan = plan_product(cpu, x, *w);
  const int64_t rows = task_rows(x.rows, w->panels(), cpu.pool.threads(), plan.row_unit);
  const int64_t row_tasks = (x.rows + rows - 1) / rows;
  // The rows of one panel follow each other: the panel is still in a cache.
  cpu.pool.run(w->panels() * row_tasks, [&](int64_t task, int) {
    const int64_t panel = task / row_tasks;
    const int64_t row = task % row_tasks * rows;
    const int64_t col = panel * kPanel;
    plan.kernel({.x = static_cast<const char*>(plan.x) + row * plan.x_row_bytes,
                 .x_stride = plan.x_stride,
                 .panel = w->panel(panel),
                 .rows = std::min(rows, x.rows - row),
                 .k = plan.k,
                 .y = y.row<float>(row) + col,
                 .y_stride = y.stride,
                 .cols = static_cast<int>(std::min<int64_t>(kPanel, y.cols - col)),
                 .bias = bias != nullptr ? bias->row<float>(0) + col : nullptr,
                 .accumulate = accumulate});
  });
}

}  // namespace

void linear(Cpu& cpu, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  multiply(cpu, x, w, bias, y, false);
}

void linear_add(Cpu& cpu, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  multiply(cpu, x, w, bias, y, true);
}

}  // namespace honeybee::cpu
