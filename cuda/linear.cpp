#include <algorithm>

#include "cuda/gemv.h"
#include "cuda/ops.h"
#include "cuda/products.h"

namespace honeybee::cuda {
namespace {

// Products keeps its workspace in slot 3.
constexpr int kXScratch = 0;
constexpr int kYScratch = 1;
constexpr int kBiasScratch = 2;

// Whether every row begins at a word of 16 bytes.
bool aligned(const Tensor& t) {
  return reinterpret_cast<uintptr_t>(t.data) % 16 == 0 &&
         (t.rows == 1 || t.stride * static_cast<int64_t>(dtype_size(t.dtype)) % 16 == 0);
}

// A tensor [rows, cols] in scratch memory, its rows of whole words.
Tensor scratch_tensor(Cuda& cuda, int slot, Dtype dtype, int64_t rows, int64_t cols) {
  const int64_t stride = padded_cols(cols, dtype);
  const auto bytes = static_cast<size_t>(rows * stride) * dtype_size(dtype);
  return {cuda.scratch(slot, bytes), dtype, rows, cols, stride};
}

// x as the products read it: in the weight's dtype, rows of whole words that end in zeros like the weight's.
// Only where the caller's is not that already is it copied: 2 · rows · in values move, 0.6 MB an image
// for the patches of ViT-L/14, [256, 588] in bf16.
Tensor prepared_x(Cuda& cuda, const Tensor& x, const RowMatrix& w) {
  if (x.dtype == w.dtype() && x.cols == w.stride() && aligned(x)) return x;
  const Tensor packed = scratch_tensor(cuda, kXScratch, w.dtype(), x.rows, x.cols);
  if (packed.stride != packed.cols) {
    const size_t bytes = static_cast<size_t>(packed.rows * packed.stride) * dtype_size(packed.dtype);
    HB_CUDA(cudaMemsetAsync(packed.data, 0, bytes, cuda.stream));
  }
  copy(cuda, x, packed);
  return {packed.data, packed.dtype, packed.rows, packed.stride, packed.stride};
}

void multiply_many(Cuda& cuda, const Tensor& x, const RowMatrix& w, const Tensor* bias, const Tensor& y,
                   bool accumulate) {
  const bool as_it_is = aligned(y) && (y.dtype == w.dtype() || y.dtype == Dtype::kF32);
  const Dtype sums = y.dtype == w.dtype() ? y.dtype : Dtype::kF32;
  const Tensor target = as_it_is ? y : scratch_tensor(cuda, kYScratch, sums, y.rows, y.cols);
  Tensor added;
  if (bias != nullptr) {
    // cuBLASLt adds a bias of y's dtype only, and wants it aligned. Copying [1, out], 8 KB for the widest of
    // ViT-L/14, costs less than another pass over y.
    added = *bias;
    if (sums != Dtype::kF32 || !aligned(*bias)) {
      added = scratch_tensor(cuda, kBiasScratch, sums, 1, w.out());
      copy(cuda, *bias, added);
    }
  }
  if (accumulate && !as_it_is) copy(cuda, y, target);
  cuda.products->multiply(x, w, bias != nullptr ? &added : nullptr, target, accumulate);
  if (!as_it_is) copy(cuda, target, y);
}

void multiply(Cuda& cuda, const char* op, const Tensor& x, const Weight& weight, const Tensor* bias,
              const Tensor& y, bool accumulate) {
  const RowMatrix& w = row_matrix(op, weight);
  const Tensor words = prepared_x(cuda, x, w);
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
