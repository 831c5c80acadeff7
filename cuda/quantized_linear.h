#pragma once
#include "cuda/quantized_matrix.h"

namespace honeybee::cuda {

/// y = x wᵀ (+ bias) or y += x wᵀ (+ bias). x [rows, w.in()] and y [rows, w.out()] of any floating dtypes; x
/// is rounded to bf16, and beside fp8 from kMatrixRows rows on to e4m3 where the device multiplies that.
void quantized_linear(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                      const Tensor& y, bool accumulate);

/// y[r, i] = x[r, order[i]] and zeros from column x.cols on. x any floating dtype [rows, in], y bf16 [rows,
/// depth >= in].
void gather_columns(Cuda& cuda, const Tensor& x, const int32_t* order, const Tensor& y);

}  // namespace honeybee::cuda
