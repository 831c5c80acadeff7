#pragma once
#include <memory>

#include "core/paged.h"
#include "cuda/memory.h"

namespace honeybee::cuda {

/// Keys and values as [layers][2][blocks][kv_heads][kKvBlock][head_dim]: a block of one head is contiguous,
/// and behind its codes, if they are codes, lie their scales, f32 [kKvBlock].
class BlockCache final : public KvCache {
 public:
  BlockCache(const KvShape& shape, std::unique_ptr<DeviceMemory> memory)
      : KvCache(shape), memory_(std::move(memory)) {}

  size_t bytes() const override { return memory_->bytes(); }
  /// Elements from a head of a block to the next. An element of codes is a byte.
  int64_t head_stride() const {
    const int64_t scale = is_quantized(shape().dtype) ? static_cast<int64_t>(sizeof(float)) : 0;
    return kKvBlock * (shape().head_dim + scale);
  }
  /// Elements from a block to the next.
  int64_t block_stride() const { return shape().kv_heads * head_stride(); }
  /// Block 0 of a layer's keys (values).
  void* keys(int64_t layer) const { return at(2 * layer); }
  void* values(int64_t layer) const { return at(2 * layer + 1); }

 private:
  void* at(int64_t plane) const {
    return static_cast<char*>(memory_->data()) +
           plane * shape().blocks * block_stride() * static_cast<int64_t>(dtype_size(shape().dtype));
  }

  std::unique_ptr<DeviceMemory> memory_;
};

/// A PagedBatch as kernels read it; plain pointers into device memory whose contents `set` rewrites.
struct BatchArrays {
  const int32_t* start;      ///< [sequences], -1: padding
  const int32_t* row_begin;  ///< [sequences + 1]
  const int32_t* sequence;   ///< [rows]; of each row
  const int32_t* blocks;     ///< [sequences, block_stride]
  int64_t block_stride;
};

/// A PagedBatch with its arrays on the device, rewritten in place on the stream.
class DeviceBatch final : public PagedBatch {
 public:
  DeviceBatch(const BatchLimits& limits, std::unique_ptr<DeviceMemory> memory, class Staging& staging);

  BatchArrays arrays() const;

 private:
  void do_set() override;

  std::unique_ptr<DeviceMemory> memory_;
  Staging& staging_;
};

}  // namespace honeybee::cuda
