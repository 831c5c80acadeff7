#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// A rectangle of cells; strides in floats.
struct PoolWindow {
  const float* first;
  int64_t height;
  int64_t width;
  int64_t row_stride;
  int64_t col_stride;
};

struct PoolKernels {
  /// y[c] = mean over the window.
  void (*mean_window)(const PoolWindow& window, int64_t channels, float* y);
  void (*sigmoid)(const float* x, float* y, int64_t count);
  /// x *= factor
  void (*multiply)(const float* factor, float* x, int64_t count);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(PoolKernels, pool_kernels)

#ifdef HB_ISA
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

// `vecs` vectors of channels from `c` on; several at once use whole cache lines of each cell.
template <int vecs, class Lanes>
HB_INLINE void mean_of_channels(const PoolWindow& window, int64_t c, Lanes lanes, float* y) {
  Vec sums[vecs];
  for (int j = 0; j < vecs; j++) sums[j] = zero();
  for (int64_t row = 0; row < window.height; row++) {
    const float* cell = window.first + row * window.row_stride + c;
    for (int64_t col = 0; col < window.width; col++, cell += window.col_stride) {
      for (int j = 0; j < vecs; j++) sums[j] = sums[j] + load(cell + j * kLanes, lanes);
    }
  }
  const Vec count = broadcast(static_cast<float>(window.height * window.width));
  for (int j = 0; j < vecs; j++) store(y + c + j * kLanes, sums[j] / count, lanes);
}

static void mean_window(const PoolWindow& window, int64_t channels, float* y) {
  constexpr int kVecs = 64 / kLanes;
  int64_t c = 0;
  for (; c + kVecs * kLanes <= channels; c += kVecs * kLanes) {
    mean_of_channels<kVecs>(window, c, AllLanes{}, y);
  }
  for_each_vec(channels - c, [&](int64_t i, auto lanes) { mean_of_channels<1>(window, c + i, lanes, y); });
}

static void sigmoid_of(const float* x, float* y, int64_t count) {
  for_each_vec(count, [&](int64_t i, auto lanes) { store(y + i, sigmoid(load(x + i, lanes)), lanes); });
}

static void multiply(const float* factor, float* x, int64_t count) {
  for_each_vec(count, [&](int64_t i, auto lanes) {
    store(x + i, load(x + i, lanes) * load(factor + i, lanes), lanes);
  });
}

const PoolKernels pool_kernels = {mean_window, sigmoid_of, multiply};

}  // namespace honeybee::cpu::HB_ISA
#endif
