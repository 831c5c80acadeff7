#pragma once
#include "cuda/matrix.h"

namespace honeybee::cuda {

/// Rows from which on a product pays as a matrix product (products.h).
inline constexpr int64_t kMatrixRows = 16;

/// y = x wᵀ (+ bias), or y += x wᵀ (+ bias). x [rows <= kMatrixRows, w.stride()] in the weight's dtype, its
/// rows of whole, aligned words of 16 bytes with zeros beyond w.in(); y [rows, w.out()] of any floating
/// dtype, added to and rounded once. The bits of a row do not depend on the number of rows.
void gemv(Cuda& cuda, const Tensor& x, const RowMatrix& w, const Tensor* bias, const Tensor& y,
          bool accumulate);

}  // namespace honeybee::cuda
