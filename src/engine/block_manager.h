#pragma once
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/paged.h"
#include "engine/content_hash.h"

namespace honeybee {

/// Blocks that so many positions take.
inline int64_t blocks_of(int64_t positions) { return (positions + kKvBlock - 1) / kKvBlock; }

/// Who has which block of the paged KV cache. A block is free, used by one or more sequences, or cached: used
/// by none, but its content is known and may be wanted again. Cached blocks are handed out when no free one
/// is left, those first that were not wanted for longest. Counts only; the blocks themselves are a KvCache's.
///
/// Contents are named by the caller (a chained hash over tokens and images, Scheduler). A table lists the
/// blocks of one sequence in the order of its positions; each entry holds one reference.
class BlockManager {
 public:
  explicit BlockManager(int64_t count);

  int64_t total() const { return static_cast<int64_t>(blocks_.size()); }
  int64_t free() const { return free_count_; }
  int64_t cached() const { return cached_count_; }
  int64_t used() const { return total() - free_count_ - cached_count_; }
  /// What `take` can hand out.
  int64_t available() const { return free_count_ + cached_count_; }
  /// Contents given up so far to make room.
  int64_t evictions() const { return evictions_; }

  /// Appends `count` blocks of unknown content to `table`, or returns false and changes nothing.
  bool take(int64_t count, std::vector<int32_t>& table);
  /// Appends the block with this content to `table`, or returns false.
  bool share(const ContentHash& content, std::vector<int32_t>& table);
  /// Appends these blocks of another table.
  void share_blocks(std::span<const int32_t> blocks, std::vector<int32_t>& table);
  bool is_shared(int32_t block) const { return blocks_[static_cast<size_t>(block)].references > 1; }
  /// Says what a used block holds from now on. If another block holds the same, this one stays unknown.
  void publish(int32_t block, const ContentHash& content);
  /// Drops the references of a table and empties it. The last block is the first to be evicted: without those
  /// before it no one can use it.
  void give_back(std::vector<int32_t>& table) noexcept;

 private:
  struct Block {
    int32_t references = 0;
    bool known = false;
    ContentHash content;
    // Neighbours in the list of cached blocks; `next` also links the free ones.
    int32_t previous = -1;
    int32_t next = -1;
  };

  Block& at(int32_t block) { return blocks_[static_cast<size_t>(block)]; }
  void push_free(int32_t block) noexcept;
  void unlink(int32_t block) noexcept;
  void evict(int32_t block) noexcept;

  std::vector<Block> blocks_;
  std::unordered_map<ContentHash, int32_t, ContentHashBits> known_;
  int32_t free_ =
      -1;  ///< given back last: what was touched stays in use, memory never needed is never touched
  int32_t oldest_ = -1;
  int32_t newest_ = -1;
  int64_t free_count_ = 0;
  int64_t cached_count_ = 0;
  int64_t evictions_ = 0;
};

}  // namespace honeybee
