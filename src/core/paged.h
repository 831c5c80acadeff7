#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"

namespace honeybee {

/// Tokens in one block of the paged KV cache.
inline constexpr int64_t kKvBlock = 16;

struct KvShape {
  int64_t layers = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  int64_t blocks = 0;  ///< blocks of kKvBlock tokens, shared by all sequences
  /// f32, bf16, int8 or fp8; of the last two each key and value of a head has an f32 scale of its own.
  Dtype dtype = Dtype::kF32;

  /// Bytes of one block, of all layers.
  int64_t block_bytes() const {
    const int64_t scale = is_quantized(dtype) ? static_cast<int64_t>(sizeof(float)) : 0;
    const int64_t vector = head_dim * static_cast<int64_t>(dtype_size(dtype)) + scale;
    return 2 * layers * kv_heads * kKvBlock * vector;
  }
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

/// How much a PagedBatch can describe.
struct BatchLimits {
  int64_t sequences = 0;
  int64_t rows = 0;
  int64_t blocks = 0;  ///< of one sequence
};

/// Which rows of a step belong to which sequence, and where their keys and values live. A sequence's row i
/// has position start + i and attends to positions 0 … start + i through its block table. A sequence that
/// starts at -1 is padding: its rows are neither read nor written, and attention gives zeros.
///
/// Made by a backend, which keeps the arrays where its operations read them; `set` rewrites them in place.
class PagedBatch {
 public:
  explicit PagedBatch(const BatchLimits& limits) : limits_(limits) {}
  virtual ~PagedBatch() = default;
  PagedBatch(const PagedBatch&) = delete;
  PagedBatch& operator=(const PagedBatch&) = delete;

  /// row_begin [sequences + 1]: the rows of sequence s are row_begin[s] … row_begin[s + 1] - 1. start
  /// [sequences]: the position of its first row. blocks [sequences, blocks.size() / sequences]: block b of a
  /// row holds positions 16·b … 16·b + 15. Operations on this batch may be recorded once for all lengths up
  /// to `length_bound`. Throws Error(kOption) beyond the limits.
  void set(std::span<const int32_t> row_begin, std::span<const int32_t> start,
           std::span<const int32_t> blocks, int64_t length_bound = 0);

  const BatchLimits& limits() const { return limits_; }
  std::span<const int32_t> row_begin() const { return row_begin_; }
  std::span<const int32_t> start() const { return start_; }
  std::span<const int32_t> blocks(int64_t sequence) const {
    return std::span(blocks_).subspan(static_cast<size_t>(sequence * max_blocks_),
                                      static_cast<size_t>(max_blocks_));
  }
  int64_t max_blocks() const { return max_blocks_; }
  int64_t sequences() const { return static_cast<int64_t>(start_.size()); }
  int64_t rows() const { return row_begin_.back(); }
  int64_t rows(int64_t sequence) const {
    const auto s = static_cast<size_t>(sequence);
    return row_begin_[s + 1] - row_begin_[s];
  }
  /// The largest number of positions that a row attends to.
  int64_t longest() const { return longest_; }
  /// At least longest(): what a recorded operation must be ready for.
  int64_t length_bound() const { return length_bound_; }

 private:
  virtual void do_set() {}

  BatchLimits limits_;
  std::vector<int32_t> row_begin_{0};
  std::vector<int32_t> start_;
  std::vector<int32_t> blocks_;
  int64_t max_blocks_ = 0;
  int64_t longest_ = 0;
  int64_t length_bound_ = 0;
};

}  // namespace honeybee
