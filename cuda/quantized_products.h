#pragma once
#include "cuda/quantized_matrix.h"

/// Products of bf16 rows with a QuantizedMatrix, whose codes become bf16 in registers, exactly. x [rows,
/// w.depth()], rows of whole, aligned words of 16 bytes in the order of the codes, with zeros beyond w.in();
/// y [rows, w.out()] of any floating dtype. y = x wᵀ (+ bias), or y += x wᵀ (+ bias), float sums rounded
/// once.
namespace honeybee::cuda {

/// Of at most kMatrixRows rows. The bits of a row do not depend on the number of rows.
void quantized_gemv(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                    const Tensor& y, bool accumulate);

/// Of many rows.
void quantized_matmul(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                      const Tensor& y, bool accumulate);

}  // namespace honeybee::cuda
