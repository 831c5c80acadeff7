#include "cpu/linear_race.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "cpu/linear_kernels.h"

namespace honeybee::cpu {
namespace {

constexpr int64_t kRows = 96;  // whole tiles of every kernel
constexpr int64_t kDepth = 512;
constexpr int kRounds = 5;

// The best of some rounds, in seconds, of one panel in the product this instruction set would use for many
// rows.
double time_product(Isa isa, const std::vector<float>& x, const std::vector<uint16_t>& panel,
                    std::vector<float>& y) {
  const LinearKernels& kernels = linear_kernels(isa);
  const bool rounded = kernels.bf16_rounded != nullptr;
  // The values do not matter: zeros are multiplied as fast as anything, and as bf16 the floats need half the
  // bytes.
  const PanelProduct product = {.x = x.data(),
                                .x_stride = kDepth,
                                .panel = panel.data(),
                                .rows = kRows,
                                .k = kDepth,
                                .y = y.data(),
                                .y_stride = kPanel};
  double best = 1e9;
  for (int round = 0; round < kRounds; round++) {
    const auto start = std::chrono::steady_clock::now();
    (rounded ? kernels.bf16_rounded : kernels.bf16)(product);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    best = std::min(best, elapsed.count());
  }
  return best;
}

Isa race() {
  Isa fastest = best_isa();
  if (fastest <= Isa::kAvx512) return fastest;
  const std::vector<float> x(kRows * kDepth);
  const std::vector<uint16_t> panel(kDepth * kPanel);
  std::vector<float> y(kRows * kPanel);
  double best = 1e9;
  for (const Isa isa : {Isa::kAvx512, Isa::kAvx512Bf16, Isa::kAmx}) {
    if (!isa_supported(isa)) continue;
    const double seconds = time_product(isa, x, panel, y);
    if (seconds < best) {
      best = seconds;
      fastest = isa;
    }
  }
  return fastest;
}

}  // namespace

Isa fastest_bf16_isa() {
  static const Isa isa = race();
  return isa;
}

}  // namespace honeybee::cpu
