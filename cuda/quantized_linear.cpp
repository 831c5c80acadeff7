#include "cuda/quantized_linear.h"

#include <algorithm>

#include "cuda/fp8_linear.h"
#include "cuda/gemv.h"
#include "cuda/prepared_rows.h"
#include "cuda/quantized_products.h"

namespace honeybee::cuda {
namespace {

// x as the kernels read it: bf16 in the order of the codes, with zeros behind.
Tensor ordered_rows(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w) {
  if (w.order() == nullptr) return prepared_rows(cuda, x, Dtype::kBF16, w.depth());
  const Tensor rows = scratch_tensor(cuda, kXScratch, Dtype::kBF16, x.rows, w.depth());
  gather_columns(cuda, x, w.order(), rows);
  return rows;
}

}  // namespace

void quantized_linear(Cuda& cuda, const Tensor& x, const QuantizedMatrix& w, const Tensor* bias,
                      const Tensor& y, bool accumulate) {
  const Tensor rows = ordered_rows(cuda, x, w);
  if (x.rows >= kMatrixRows && !cuda.batch_invariant) {
    const auto multiply = has_fp8_product(cuda, w) ? fp8_linear : quantized_matmul;
    return multiply(cuda, rows, w, bias, y, accumulate);
  }
  for (int64_t row = 0; row < x.rows; row += kMatrixRows) {
    const int64_t count = std::min(kMatrixRows, x.rows - row);
    quantized_gemv(cuda, rows.row_range(row, count), w, bias, y.row_range(row, count), accumulate);
  }
}

}  // namespace honeybee::cuda
