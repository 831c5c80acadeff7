#include <algorithm>

#include "cuda/gemv.h"
#include "cuda/ops.h"
#include "cuda/prepared_rows.h"
#include "cuda/products.h"
#include "cuda/quantized_linear.h"

namespace honeybee::cuda {
namespace {

void multiply_many(Cuda& cuda, const Tensor& x, const RowMatrix& w, const Tensor* bias, const Tensor& y,
                   bool accumulate) {
  const bool as_it_is = words_aligned(y) && (y.dtype == w.dtype() || y.dtype == Dtype::kF32);
  const Dtype sums = y.dtype == w.dtype() ? y.dtype : Dtype::kF32;
  const Tensor target = as_it_is ? y : scratch_tensor(cuda, kYScratch, sums, y.rows, y.cols);
  Tensor added;
  if (bias != nullptr) {
    // cuBLASLt adds a bias of y's dtype only, and wants it aligned. Copying [1, out], 8 KB for the widest of
    // ViT-L/14, costs less than another pass over y.
    added = *bias;
    if (sums != Dtype::kF32 || !words_aligned(*bias)) {
      added = scratch_tensor(cuda, kBiasScratch, sums, 1, w.out());
      copy(cuda, *bias, added);
    }
  }
  if (accumulate && !as_it_is) copy(cuda, y, target);
  cuda.products->multiply(x, w.data(), bias != nullptr ? &added : nullptr, target, accumulate);
  if (!as_it_is) copy(cuda, target, y);
}

void multiply(Cuda& cuda, const char* op, const Tensor& x, const Weight& weight, const Tensor* bias,
              const Tensor& y, bool accumulate) {
  if (const auto* const codes = dynamic_cast<const QuantizedMatrix*>(&weight))
    return quantized_linear(cuda, x, *codes, bias, y, accumulate);
  const RowMatrix& w = row_matrix(op, weight);
  const Tensor words = prepared_rows(cuda, x, w.dtype(), w.stride());
  if (x.rows < kMatrixRows || cuda.batch_invariant) {
    // Of many rows the weight is read again for every 16.
    for (int64_t row = 0; row < x.rows; row += kMatrixRows) {
      const int64_t rows = std::min(kMatrixRows, x.rows - row);
      gemv(cuda, words.row_range(row, rows), w, bias, y.row_range(row, rows), accumulate);
    }
  } else {
    multiply_many(cuda, words, w, bias, y, accumulate);
  }
}

}  // namespace

void linear(Cuda& cuda, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  multiply(cuda, "linear", x, w, bias, y, false);
}

void linear_add(Cuda& cuda, const Tensor& x, const Weight& w, const Tensor* bias, const Tensor& y) {
  multiply(cuda, "linear_add", x, w, bias, y, true);
}

}  // namespace honeybee::cuda
