#pragma once
#include "core/paged.h"
#include "cpu/attention_kernels.h"
#include "cpu/memory.h"

namespace honeybee::cpu {

static_assert(kKeyBlock == kKvBlock);

constexpr KeyFormat key_format(Dtype dtype) {
  return dtype == Dtype::kInt8   ? KeyFormat::kInt8
         : dtype == Dtype::kBF16 ? KeyFormat::kBf16
                                 : KeyFormat::kF32;
}

/// Keys and values as [layers][blocks][kv_heads] blocks of KeyLayout, zero at first.
class BlockCache final : public KvCache {
 public:
  explicit BlockCache(const KvShape& shape)
      : KvCache(shape),
        layout_(shape.head_dim, key_format(shape.dtype)),
        memory_(static_cast<size_t>(shape.layers * shape.blocks * stride())) {}

  const KeyLayout& layout() const { return layout_; }
  size_t bytes() const override { return memory_.bytes(); }
  /// Bytes from a block to the next one of the same head.
  int64_t stride() const { return shape().kv_heads * layout_.bytes; }

  char* block(int64_t layer, int64_t kv_head, int64_t number) const {
    return static_cast<char*>(memory_.data()) + (layer * shape().blocks + number) * stride() +
           kv_head * layout_.bytes;
  }

 private:
  KeyLayout layout_;
  HostMemory memory_;
};

}  // namespace honeybee::cpu
