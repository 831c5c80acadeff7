#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/dtype.h"

namespace honeybee {

/// Tokens in one block of the paged KV cache.
inline constexpr int64_t kKvBlock = 16;

struct KvShape {
  int64_t layers = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t blocks = 0;         ///< blocks of kKvBlock tokens, shared by all sequences
  Dtype dtype = Dtype::kF32;  ///< f32 or bf16
};

/// Keys and values of every layer; how they lie in memory is the business of the backend that made it.
class KvCache {
 public:
  explicit KvCache(const KvShape& shape) : shape_(shape) {}
  virtual ~KvCache() = default;
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  const KvShape& shape() const { return shape_; }
  virtual size_t bytes() const = 0;

 private:
  KvShape shape_;
};

/// Which rows of a step belong to which sequence, and where their keys and values live. A sequence's row i
/// has position start + i and attends to positions 0 … start + i through its block table.
struct PagedBatch {
  std::span<const int32_t> row_begin;  ///< [sequences + 1]; rows row_begin[s] … row_begin[s + 1] - 1
  std::span<const int32_t> start;      ///< [sequences]; position of each sequence's first row
  std::span<const int32_t> blocks;     ///< [sequences, max_blocks]; block b holds positions 16·b … 16·b + 15
  int64_t max_blocks = 0;

  int64_t sequences() const { return static_cast<int64_t>(start.size()); }
  int64_t rows() const { return row_begin.empty() ? 0 : row_begin.back(); }
};

}  // namespace honeybee
