#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Neighbouring output cells that are computed together, so that their inputs are loaded once.
inline constexpr int64_t kConvColumns = 4;

/// `columns` output cells side by side and the input cells of the three rows around them.
template <int64_t columns>
struct ConvWindow {
  const float* in[3][columns + 2];
  float* out[columns];
};

/// weight [9, channels].
struct ConvKernels {
  void (*depthwise_columns)(const ConvWindow<kConvColumns>& window, const float* weight, int64_t channels);
  void (*depthwise_cell)(const ConvWindow<1>& window, const float* weight, int64_t channels);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(ConvKernels, conv_kernels)

#ifdef HB_ISA
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

template <int64_t columns>
static void depthwise(const ConvWindow<columns>& window, const float* weight, int64_t channels) {
  for_each_vec(channels, [&](int64_t c, auto lanes) {
    Vec sums[columns];
    for (int64_t j = 0; j < columns; j++) sums[j] = zero();
#pragma GCC unroll 3
    for (int64_t ky = 0; ky < 3; ky++) {
      const Vec left = load(weight + (ky * 3 + 0) * channels + c, lanes);
      const Vec middle = load(weight + (ky * 3 + 1) * channels + c, lanes);
      const Vec right = load(weight + (ky * 3 + 2) * channels + c, lanes);
      Vec x[columns + 2];
#pragma GCC unroll 8
      for (int64_t j = 0; j < columns + 2; j++) x[j] = load(window.in[ky][j] + c, lanes);
#pragma GCC unroll 8
      for (int64_t j = 0; j < columns; j++) {
        sums[j] = fma(x[j + 2], right, fma(x[j + 1], middle, fma(x[j], left, sums[j])));
      }
    }
    for (int64_t j = 0; j < columns; j++) store(window.out[j] + c, sums[j], lanes);
  });
}

const ConvKernels conv_kernels = {depthwise<kConvColumns>, depthwise<1>};

}  // namespace honeybee::cpu::HB_ISA
#endif
