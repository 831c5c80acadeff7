#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Each normalises one row of `cols` values; y may be x or residual.
struct NormKernels {
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t cols, float eps,
                     float* y);
  void (*layer_norm_silu)(const float* x, const float* weight, const float* bias, int64_t cols, float eps,
                          float* y);
  void (*add_layer_norm)(const float* x, const float* residual, const float* weight, const float* bias,
                         int64_t cols, float eps, float* y);
  void (*rms_norm)(const float* x, const float* weight, int64_t cols, float eps, float* y);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(NormKernels, norm_kernels)

#ifdef HB_ISA
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

struct Statistics {
  float mean;
  float factor;  // 1 / sqrt(variance + eps)
};

// Two passes, because the mean of squares minus the square of the mean cancels.
HB_INLINE Statistics statistics(const float* x, int64_t cols, float eps) {
  const auto count = static_cast<float>(cols);
  const float mean = sum_vecs(cols, [&](int64_t i, auto lanes) { return load(x + i, lanes); }) / count;
  const float squares = sum_vecs(cols, [&](int64_t i, auto lanes) {
    const Vec d = keep(load(x + i, lanes) - broadcast(mean), lanes);
    return d * d;
  });
  return {mean, 1.0f / __builtin_sqrtf(squares / count + eps)};
}

template <class Finish>
HB_INLINE void normalise(const float* x, const float* weight, const float* bias, int64_t cols, float eps,
                         float* y, Finish finish) {
  const Statistics s = statistics(x, cols, eps);
  for_each_vec(cols, [&](int64_t i, auto lanes) {
    const Vec unit = (load(x + i, lanes) - broadcast(s.mean)) * broadcast(s.factor);
    store(y + i, finish(fma(unit, load(weight + i, lanes), load(bias + i, lanes))), lanes);
  });
}

static void layer_norm(const float* x, const float* weight, const float* bias, int64_t cols, float eps,
                       float* y) {
  normalise(x, weight, bias, cols, eps, y, [](Vec v) { return v; });
}

static void layer_norm_silu(const float* x, const float* weight, const float* bias, int64_t cols, float eps,
                            float* y) {
  normalise(x, weight, bias, cols, eps, y, [](Vec v) { return silu(v); });
}

static void add_layer_norm(const float* x, const float* residual, const float* weight, const float* bias,
                           int64_t cols, float eps, float* y) {
  for_each_vec(cols, [&](int64_t i, auto lanes) {
    store(y + i, load(x + i, lanes) + load(residual + i, lanes), lanes);
  });
  layer_norm(y, weight, bias, cols, eps, y);
}

static void rms_norm(const float* x, const float* weight, int64_t cols, float eps, float* y) {
  const float squares = sum_vecs(cols, [&](int64_t i, auto lanes) {
    const Vec v = load(x + i, lanes);
    return v * v;
  });
  const float factor = 1.0f / __builtin_sqrtf(squares / static_cast<float>(cols) + eps);
  for_each_vec(cols, [&](int64_t i, auto lanes) {
    store(y + i, load(x + i, lanes) * broadcast(factor) * load(weight + i, lanes), lanes);
  });
}

const NormKernels norm_kernels = {layer_norm, layer_norm_silu, add_layer_norm, rms_norm};

}  // namespace honeybee::cpu::HB_ISA
#endif
