#pragma once
#include <cstdint>

#include "cpu/kernel_table.h"

namespace honeybee::cpu {

/// Each works on `count` consecutive values.
struct ElementwiseKernels {
  // In place.
  void (*silu)(float* x, int64_t count);
  void (*gelu)(float* x, int64_t count);
  void (*quick_gelu)(float* x, int64_t count);
  void (*relu)(float* x, int64_t count);
  /// y = silu(gate) · up
  void (*silu_mul)(const float* gate, const float* up, float* y, int64_t count);
  /// y += x
  void (*add)(const float* x, float* y, int64_t count);
  /// y = silu(x + residual); y may be either.
  void (*add_silu)(const float* x, const float* residual, float* y, int64_t count);
};

}  // namespace honeybee::cpu

HB_DECLARE_KERNELS(ElementwiseKernels, elementwise_kernels)

#ifdef HB_ISA
#include "cpu/lanes.h"

namespace honeybee::cpu::HB_ISA {

template <class Function>
HB_INLINE void map_in_place(float* x, int64_t count, Function function) {
  for_each_vec(count, [&](int64_t i, auto lanes) { store(x + i, function(load(x + i, lanes)), lanes); });
}

static void silu_in_place(float* x, int64_t count) {
  map_in_place(x, count, [](Vec v) { return silu(v); });
}

static void gelu_in_place(float* x, int64_t count) {
  map_in_place(x, count, [](Vec v) { return gelu(v); });
}

// x · sigmoid(1.702 x), the GELU of CLIP.
static void quick_gelu_in_place(float* x, int64_t count) {
  map_in_place(x, count, [](Vec v) { return v / (broadcast(1.0f) + exp(broadcast(-1.702f) * v)); });
}

static void relu_in_place(float* x, int64_t count) {
  map_in_place(x, count, [](Vec v) { return max(zero(), v); });
}

static void silu_mul(const float* gate, const float* up, float* y, int64_t count) {
  for_each_vec(count, [&](int64_t i, auto lanes) {
    store(y + i, silu(load(gate + i, lanes)) * load(up + i, lanes), lanes);
  });
}

static void add_to(const float* x, float* y, int64_t count) {
  for_each_vec(count,
               [&](int64_t i, auto lanes) { store(y + i, load(y + i, lanes) + load(x + i, lanes), lanes); });
}

static void add_silu(const float* x, const float* residual, float* y, int64_t count) {
  for_each_vec(count, [&](int64_t i, auto lanes) {
    store(y + i, silu(load(x + i, lanes) + load(residual + i, lanes)), lanes);
  });
}

const ElementwiseKernels elementwise_kernels = {
    silu_in_place, gelu_in_place, quick_gelu_in_place, relu_in_place, silu_mul, add_to, add_silu,
};

}  // namespace honeybee::cpu::HB_ISA
#endif
