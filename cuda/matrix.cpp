#include "cuda/matrix.h"

#include <algorithm>
#include <vector>

#include "cuda/ops.h"
#include "cuda/quantized_matrix.h"
#include "cuda/staging.h"

namespace honeybee::cuda {
namespace {

constexpr int kSliceScratch = 0;

// Queues the copy of rows [begin, begin + count) to `target`, where they lie without gaps.
void send_rows(Cuda& cuda, const RowSource& source, int64_t begin, int64_t count, void* target) {
  const size_t row_bytes = static_cast<size_t>(source.cols()) * dtype_size(source.dtype());
  const size_t bytes = static_cast<size_t>(count) * row_bytes;
  if (bytes <= Staging::kSlice) {
    source.read(begin, count, cuda.staging->next());
    cuda.staging->send(target, bytes);
  } else {
    // A single row that no slice holds goes in pieces.
    std::vector<char> row(bytes);
    source.read(begin, count, row.data());
    cuda.staging->upload(target, bytes, row.data(), bytes, 1);
  }
}

}  // namespace

RowMatrix::RowMatrix(Cuda& cuda, const RowSource& source, Dtype dtype)
    : Weight(source.rows(), source.cols(), dtype),
      stride_(padded_cols(source.cols(), dtype)),
      memory_(*cuda.budget, static_cast<size_t>(source.rows() * stride_) * dtype_size(dtype), cuda.stream) {
  try {
    load(cuda, source);
  } catch (...) {
    // The rows that are on their way have to arrive before their memory goes.
    cudaStreamSynchronize(cuda.stream);
    throw;
  }
}

void RowMatrix::load(Cuda& cuda, const RowSource& source) {
  const int64_t row_bytes = in() * static_cast<int64_t>(dtype_size(source.dtype()));
  const int64_t slice_rows = std::clamp<int64_t>(static_cast<int64_t>(Staging::kSlice) / row_bytes, 1, out());
  const bool as_stored = source.dtype() == dtype() && stride_ == in();
  void* const slice =
      as_stored ? nullptr : cuda.scratch(kSliceScratch, static_cast<size_t>(slice_rows * row_bytes));
  const Tensor matrix{memory_.data(), dtype(), out(), in(), stride_};
  for (int64_t begin = 0; begin < out(); begin += slice_rows) {
    const int64_t count = std::min(slice_rows, out() - begin);
    const Tensor target = matrix.row_range(begin, count);
    if (as_stored) {
      send_rows(cuda, source, begin, count, target.data);
    } else {
      send_rows(cuda, source, begin, count, slice);
      copy(cuda, {slice, source.dtype(), count, in(), in()}, target);
    }
  }
}

const RowMatrix& row_matrix(const char* op, const Weight& weight) {
  const auto* const matrix = dynamic_cast<const RowMatrix*>(&weight);
  require(matrix != nullptr, ErrorCode::kOption, op,
          ": the weight belongs to another backend, expected one that this backend loaded");
  return *matrix;
}

std::unique_ptr<Weight> load_matrix(Cuda& cuda, const RowSource& source, Dtype dtype) {
  if (is_quantized(dtype)) return std::make_unique<QuantizedMatrix>(cuda, source, dtype);
  return std::make_unique<RowMatrix>(cuda, source, dtype);
}

}  // namespace honeybee::cuda
