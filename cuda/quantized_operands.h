#pragma once
#include <cuda_bf16.h>

#include "cuda/linear_target.h"
#include "cuda/quantized_matrix.h"
#include "cuda/values.h"

namespace honeybee::cuda {

/// What a product with codes reads and where it goes.
struct QuantizedOperands {
  const uint4* x;    ///< [y.rows, …] bf16
  int64_t x_stride;  ///< words of 16 bytes
  QuantizedRows w;
  LinearTarget y;

  QuantizedOperands(const Tensor& rows, const QuantizedMatrix& codes, const Tensor* bias, const Tensor& out,
                    bool accumulate)
      : x(static_cast<const uint4*>(rows.data)),
        x_stride(rows.stride / Vec<__nv_bfloat16>::kSize),
        w(codes.rows()),
        y(bias, out, accumulate) {}
};

}  // namespace honeybee::cuda
