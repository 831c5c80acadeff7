#include "core/arena.h"

#include <algorithm>

namespace honeybee {
namespace {

constexpr size_t kAlignment = 256;  // a cache line on every CPU, a full transaction on every GPU
constexpr size_t kSmallestChunk = 8u << 20;

}  // namespace

Tensor Arena::matrix(int64_t rows, int64_t cols, Dtype dtype) {
  const size_t wanted = static_cast<size_t>(rows * cols) * dtype_size(dtype);
  const size_t bytes = (wanted + kAlignment - 1) / kAlignment * kAlignment;
  while (chunk_ < chunks_.size() && used_ + bytes > chunks_[chunk_]->bytes()) {
    chunk_++;
    used_ = 0;
  }
  if (chunk_ == chunks_.size()) {
    const size_t last = chunks_.empty() ? 0 : chunks_.back()->bytes();
    chunks_.push_back(
        backend_.allocate(std::max({bytes, kSmallestChunk, std::min(2 * last, size_t{64} << 20)})));
    used_ = 0;
  }
  void* data = static_cast<char*>(chunks_[chunk_]->data()) + used_;
  used_ += bytes;
  return {data, dtype, rows, cols, cols};
}

size_t Arena::bytes() const {
  size_t total = 0;
  for (const auto& chunk : chunks_) total += chunk->bytes();
  return total;
}

}  // namespace honeybee
