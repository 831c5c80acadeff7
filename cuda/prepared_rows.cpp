#include "cuda/prepared_rows.h"

#include "cuda/matrix.h"
#include "cuda/ops.h"

namespace honeybee::cuda {

bool words_aligned(const Tensor& t) {
  return reinterpret_cast<uintptr_t>(t.data) % 16 == 0 &&
         (t.rows == 1 || t.stride * static_cast<int64_t>(dtype_size(t.dtype)) % 16 == 0);
}

Tensor scratch_tensor(Cuda& cuda, int slot, Dtype dtype, int64_t rows, int64_t cols) {
  const int64_t stride = padded_cols(cols, dtype);
  const auto bytes = static_cast<size_t>(rows * stride) * dtype_size(dtype);
  return {cuda.scratch(slot, bytes), dtype, rows, cols, stride};
}

Tensor prepared_rows(Cuda& cuda, const Tensor& x, Dtype dtype, int64_t cols) {
  if (x.dtype == dtype && x.cols == cols && words_aligned(x)) return x;
  const Tensor packed = scratch_tensor(cuda, kXScratch, dtype, x.rows, cols);
  if (x.cols != cols) {
    const size_t bytes = static_cast<size_t>(packed.rows * packed.stride) * dtype_size(dtype);
    HB_CUDA(cudaMemsetAsync(packed.data, 0, bytes, cuda.stream));
  }
  copy(cuda, x, {packed.data, dtype, x.rows, x.cols, packed.stride});
  return packed;
}

}  // namespace honeybee::cuda
