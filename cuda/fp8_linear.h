#pragma once
#include "cuda/quantized_matrix.h"

namespace honeybee::cuda {

/// Whether fp8_linear can multiply with this weight: e4m3 on tensor cores that have it (sm_89 on), and a
/// number of outputs that cuBLASLt takes.
bool has_fp8_product(const Cuda& cuda, const QuantizedMatrix& w);

/// y = x wᵀ (+ bias) or y += x wᵀ (+ bias) through cuBLASLt, x rounded to e4m3 in units of its largest value
/// / 448, each row by itself. x bf16 [rows, w.depth()], rows of whole, aligned words with zeros beyond
/// w.in(); y [rows, w.out()] of any floating dtype.
void fp8_linear(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias, const Tensor& y,
                bool accumulate);

}  // namespace honeybee::cuda
