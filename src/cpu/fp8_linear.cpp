#include "cpu/fp8_linear.h"

#include <algorithm>

#include "cpu/linear_kernels.h"
#include "cpu/linear_pack.h"
#include "cpu/variant.h"

namespace honeybee::cpu {
namespace {

VariantSet fp8_variants("linear", "fp8");
VariantSet unpack_variants("unpack", "fp8");

// From this number of rows on it pays to unpack a panel, whose cost they share.
constexpr int64_t kUnpackRows = 8;
// Up to this many rows float activations cost nothing, as beside bf16 weights.
constexpr int64_t kFewRows = 4;
// Rows of one task: they share an unpacked block.
constexpr int64_t kTaskRows = 192;
// Values of k that are unpacked at once: 128 KiB of bf16 stay in the second-level cache.
constexpr int64_t kBlock = 1024;

struct Job {
  const void* x;
  int64_t x_stride;      // elements
  int64_t x_row_bytes;   // to the next row
  int64_t x_step_bytes;  // to the next k
  int64_t k;
  LinearKernels::Kernel kernel;
  bool unpacks;
};

Job float_job(const LinearKernels& kernels, const Tensor& x) {
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
  const bool unpacks = x.rows >= kUnpackRows;
  return {.x = x.data,
          .x_stride = x.stride,
          .x_row_bytes = x.stride * kFloat,
          .x_step_bytes = kFloat,
          .k = x.cols,
          .kernel = unpacks ? kernels.bf16 : kernels.fp8,
          .unpacks = unpacks};
}

Job rounded_job(Cpu& cpu, const LinearKernels& kernels, const Tensor& x, const Fp8Matrix& w) {
  constexpr auto kHalf = static_cast<int64_t>(sizeof(uint16_t));
  const RoundedRows rows = kernels.tiled ? round_tiles(cpu, x, w.depth()) : round_rows(cpu, x);
  return {.x = rows.data,
          .x_stride = rows.stride,
          .x_row_bytes = rows.stride * kHalf,
          .x_step_bytes = kernels.tiled ? 16 * kHalf : kHalf,
          .k = rows.k,
          .kernel = kernels.bf16_rounded,
          .unpacks = true};
}

// y = (y +) bias + scale · sums for some rows of one panel.
struct Target {
  float* y;
  int64_t y_stride;
  int64_t rows;
  int cols;
  const float* bias;
  const float* scales;
  bool accumulate;
};

void finish(const float* sums, const Target& t) {
  for (int64_t r = 0; r < t.rows; r++) {
    float* const y = t.y + r * t.y_stride;
    for (int c = 0; c < t.cols; c++) {
      const float start = t.accumulate ? y[c] : 0.0f;
      const float biased = t.bias != nullptr ? start + t.bias[c] : start;
      y[c] = biased + sums[r * kPanel + c] * t.scales[c];
    }
  }
}

// What a worker needs beside the panel.
struct Workspace {
  float sums[kTaskRows * kPanel];
  uint16_t panel[kBlock * kPanel];
};

}  // namespace

void fp8_linear(Cpu& cpu, const Tensor& x, const Fp8Matrix& w, const Tensor* bias, const Tensor& y,
                bool accumulate) {
  const LinearKernels& kernels = linear_kernels(cpu.bf16_isa);
  fp8_variants.ran(cpu.bf16_isa);
  const bool rounds = kernels.bf16_rounded != nullptr && (x.rows > kFewRows || cpu.batch_invariant);
  const Job job = rounds ? rounded_job(cpu, kernels, x, w) : float_job(kernels, x);
  if (job.unpacks) unpack_variants.ran(cpu.bf16_isa);

  auto* const spaces = cpu.scratch.get<Workspace>(1, cpu.pool.threads());
  const int64_t row_tasks = (x.rows + kTaskRows - 1) / kTaskRows;
  cpu.pool.run(w.panels() * row_tasks, [&](int64_t task, int worker) {
    const int64_t panel = task / row_tasks;
    const int64_t row = task % row_tasks * kTaskRows;
    const int64_t col = panel * kPanel;
    Workspace& space = spaces[worker];
    PanelProduct product = {.x_stride = job.x_stride,
                            .rows = std::min(kTaskRows, x.rows - row),
                            .y = space.sums,
                            .y_stride = kPanel};
    for (int64_t k = 0; k < job.k; k += kBlock) {
      // Tiles take their rows one k after the other, and so the whole depth at once.
      product.x = static_cast<const char*>(job.x) + row * job.x_row_bytes + k * job.x_step_bytes;
      product.k = std::min(kBlock, job.k - k);
      product.accumulate = k > 0;
      product.panel = w.panel(panel) + k * kPanel;
      if (job.unpacks) {
        kernels.unpack_fp8(w.panel(panel) + k * kPanel, (product.k + 1) / 2 * 2, space.panel);
        product.panel = space.panel;
      }
      job.kernel(product);
    }
    finish(space.sums, {.y = y.row<float>(row) + col,
                        .y_stride = y.stride,
                        .rows = product.rows,
                        .cols = static_cast<int>(std::min<int64_t>(kPanel, y.cols - col)),
                        .bias = bias != nullptr ? bias->row<float>(0) + col : nullptr,
                        .scales = w.scales(panel),
                        .accumulate = accumulate});
  });
}

}  // namespace honeybee::cpu
