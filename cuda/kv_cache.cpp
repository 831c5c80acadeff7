#include "cuda/kv_cache.h"

#include <vector>

#include "cuda/check.h"
#include "cuda/ops.h"
#include "cuda/staging.h"

namespace honeybee::cuda {
namespace {

constexpr int64_t padded(int64_t count) { return (count + 63) / 64 * 64; }

// Where each array begins, in int32 elements.
struct Layout {
  explicit Layout(const BatchLimits& limits)
      : row_begin(padded(limits.sequences)),
        sequence(row_begin + padded(limits.sequences + 1)),
        blocks(sequence + padded(limits.rows)),
        count(blocks + limits.sequences * limits.blocks) {}
  int64_t row_begin;
  int64_t sequence;
  int64_t blocks;
  int64_t count;
};

}  // namespace

std::unique_ptr<KvCache> make_kv_cache(Cuda& cuda, const KvShape& shape) {
  const auto bytes = static_cast<size_t>(shape.blocks * shape.block_bytes());
  return std::make_unique<BlockCache>(shape,
                                      std::make_unique<DeviceMemory>(*cuda.budget, bytes, cuda.stream));
}

// Both planes of every layer are rows of one pitch: a single copy of 2 · layers · kv_heads · 16 · head_dim
// values, 8 MB of a 7B model in bf16.
void copy_block(Cuda& cuda, KvCache& cache, int64_t from, int64_t to) {
  const auto& blocks = static_cast<const BlockCache&>(cache);
  const size_t bytes = static_cast<size_t>(blocks.block_stride()) * dtype_size(cache.shape().dtype);
  const size_t pitch = bytes * static_cast<size_t>(cache.shape().blocks);
  auto* const base = static_cast<char*>(blocks.keys(0));
  HB_CUDA(cudaMemcpy2DAsync(
      base + static_cast<size_t>(to) * bytes, pitch, base + static_cast<size_t>(from) * bytes, pitch, bytes,
      static_cast<size_t>(2 * cache.shape().layers), cudaMemcpyDeviceToDevice, cuda.stream));
}

std::unique_ptr<PagedBatch> make_batch(Cuda& cuda, const BatchLimits& limits) {
  const size_t bytes = static_cast<size_t>(Layout(limits).count) * sizeof(int32_t);
  return std::make_unique<DeviceBatch>(
      limits, std::make_unique<DeviceMemory>(*cuda.budget, bytes, cuda.stream), *cuda.staging);
}

DeviceBatch::DeviceBatch(const BatchLimits& limits, std::unique_ptr<DeviceMemory> memory, Staging& staging)
    : PagedBatch(limits), memory_(std::move(memory)), staging_(staging) {}

BatchArrays DeviceBatch::arrays() const {
  const Layout layout(limits());
  const auto* base = static_cast<const int32_t*>(memory_->data());
  return {base, base + layout.row_begin, base + layout.sequence, base + layout.blocks, max_blocks()};
}

void DeviceBatch::do_set() {
  const Layout layout(limits());
  auto* base = static_cast<int32_t*>(memory_->data());
  const auto send = [&](int64_t at, std::span<const int32_t> values) {
    if (!values.empty())
      staging_.upload(base + at, values.size_bytes(), values.data(), values.size_bytes(), 1);
  };
  std::vector<int32_t> sequence(static_cast<size_t>(rows()));
  std::vector<int32_t> tables;
  for (int64_t s = 0; s < sequences(); s++) {
    std::fill_n(sequence.begin() + row_begin()[static_cast<size_t>(s)], rows(s), static_cast<int32_t>(s));
    tables.insert(tables.end(), blocks(s).begin(), blocks(s).end());
  }
  send(0, start());
  send(layout.row_begin, row_begin());
  send(layout.sequence, sequence);
  send(layout.blocks, tables);
}

}  // namespace honeybee::cuda
