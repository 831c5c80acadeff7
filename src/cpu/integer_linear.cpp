#include "cpu/integer_linear.h"

#include <algorithm>

#include "cpu/integer_kernels.h"
#include "cpu/parallel.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet int8_variants("linear", "int8");
VariantSet int4_variants("linear", "int4");
VariantSet quantize_variants("quantize", "f32");

// Strips of one task: a few, so that the activations stay in a cache from one to the next.
constexpr int64_t kTaskStrips = 4;
// Bytes of activations of one task.
constexpr int64_t kTaskBytes = 128 << 10;

constexpr int64_t kLine = 64;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// Of each four k first the even, then the odd ones.
void widen(const int8_t* codes, int64_t count, int16_t* wide) {
  for (int64_t k = 0; k < count; k += 4) {
    wide[k] = codes[k];
    wide[k + 1] = codes[k + 2];
    wide[k + 2] = codes[k + 1];
    wide[k + 3] = codes[k + 3];
  }
}

// x in scratch slot 0, its columns in the order of the weight.
IntegerRows quantize_rows(Cpu& cpu, const Tensor& x, const IntegerMatrix& w, bool wide) {
  quantize_variants.ran(cpu.isa);
  const int64_t depth = w.depth();
  const int64_t units = depth / kUnit;
  const int64_t code_bytes = round_up(wide ? 2 * depth : depth, kLine);
  const int64_t scale_bytes = units * static_cast<int64_t>(sizeof(float));
  // A cache line longer than the data, so that equal columns do not compete for the same cache set.
  const int64_t stride = round_up(code_bytes + 2 * scale_bytes, kLine) + kLine;
  char* const rows = cpu.scratch.get<char>(0, x.rows * stride);
  // What a row is made in: its columns in order, and its codes before they are widened.
  const int64_t spare = round_up(x.cols * static_cast<int64_t>(sizeof(float)) + depth, kLine);
  const bool ordered = !w.order().empty();
  char* const spares = wide || ordered ? cpu.scratch.get<char>(1, x.rows * spare) : nullptr;
  for_each_row(cpu, x.rows, depth, [&](int64_t r) {
    char* const row = rows + r * stride;
    const float* values = x.row<float>(r);
    if (ordered) {
      auto* const sorted = reinterpret_cast<float*>(spares + r * spare);
      for (int64_t k = 0; k < x.cols; k++) sorted[k] = values[w.order()[static_cast<size_t>(k)]];
      values = sorted;
    }
    char* const narrow = wide ? spares + r * spare + x.cols * static_cast<int64_t>(sizeof(float)) : row;
    integer_kernels(cpu.isa).quantize(values, x.cols, reinterpret_cast<int8_t*>(narrow),
                                      reinterpret_cast<float*>(row + code_bytes),
                                      reinterpret_cast<int32_t*>(row + code_bytes + scale_bytes));
    if (wide) widen(reinterpret_cast<const int8_t*>(narrow), depth, reinterpret_cast<int16_t*>(row));
  });
  return {.first = {.codes = rows,
                    .scales = reinterpret_cast<const float*>(rows + code_bytes),
                    .minus_sums = reinterpret_cast<const int32_t*>(rows + code_bytes + scale_bytes)},
          .stride = stride};
}

}  // namespace

void integer_linear(Cpu& cpu, const Tensor& x, const IntegerMatrix& w, const Tensor* bias, const Tensor& y,
                    bool accumulate) {
  const IntegerKernels& kernels = integer_kernels(cpu.isa);
  const bool int8 = w.dtype() == Dtype::kInt8;
  const IntegerKernels::Kernel kernel = int8 ? kernels.int8 : kernels.int4;
  (int8 ? int8_variants : int4_variants).ran(cpu.isa);
  const IntegerRows rows = quantize_rows(cpu, x, w, int8 ? kernels.int8_wide : kernels.int4_wide);

  const int64_t unit = kernels.row_unit;
  const int64_t task_rows = std::max(kTaskBytes / rows.stride / unit * unit, unit);
  const int64_t row_tasks = (x.rows + task_rows - 1) / task_rows;
  const int64_t task_cols = kTaskStrips * kStrip;
  const int64_t col_tasks = (y.cols + task_cols - 1) / task_cols;
  cpu.pool.run(col_tasks * row_tasks, [&](int64_t task, int) {
    const int64_t row = task % row_tasks * task_rows;
    const int64_t col = task / row_tasks * task_cols;
    kernel({.x = {.first = rows[row], .stride = rows.stride},
            .strips = w.strip(col / kStrip),
            .strip_bytes = w.strip_bytes(),
            .rows = std::min(task_rows, x.rows - row),
            .depth = w.depth(),
            .group = w.group(),
            .y = y.row<float>(row) + col,
            .y_stride = y.stride,
            .cols = std::min(task_cols, y.cols - col),
            .bias = bias != nullptr ? bias->row<float>(0) + col : nullptr,
            .accumulate = accumulate});
  });
}

}  // namespace honeybee::cpu
