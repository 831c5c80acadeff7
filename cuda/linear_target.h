#pragma once
#include <cstdint>

#include "core/tensor.h"
#include "cuda/any_value.h"

namespace honeybee::cuda {

/// Where a product goes: y = sums (+ bias) or y += sums (+ bias), rounded once.
struct LinearTarget {
  const float* bias;  ///< [outputs] or null
  void* y;            ///< [rows, outputs]
  int64_t y_stride;   ///< elements
  Dtype y_dtype;
  bool accumulate;  ///< y += instead of y =
  int rows;
  int64_t outputs;

  LinearTarget(const Tensor* bias_row, const Tensor& t, bool adds)
      : bias(bias_row != nullptr ? bias_row->row<float>(0) : nullptr),
        y(t.data),
        y_stride(t.stride),
        y_dtype(t.dtype),
        accumulate(adds),
        rows(static_cast<int>(t.rows)),
        outputs(t.cols) {}

  __device__ __forceinline__ void store(int64_t row, int64_t output, float sum) const {
    if (bias != nullptr) sum += bias[output];
    const int64_t at = row * y_stride + output;
    if (accumulate) sum += load_as(y_dtype, y, at);
    store_as(y_dtype, y, at, sum);
  }
};

}  // namespace honeybee::cuda
