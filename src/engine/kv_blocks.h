#pragma once
#include <cstdint>
#include <vector>

namespace honeybee {

/// The free list of the paged KV cache. The block given back last is handed out first, so that what was
/// touched once stays in use and memory that was never needed is never touched.
class KvBlocks {
 public:
  explicit KvBlocks(int64_t count);

  int64_t total() const { return total_; }
  int64_t free() const { return static_cast<int64_t>(free_.size()); }

  /// Appends `count` blocks to `table`, or returns false and changes nothing.
  bool take(int64_t count, std::vector<int32_t>& table);
  /// Takes the blocks of `table` back and empties it.
  void give_back(std::vector<int32_t>& table);

 private:
  int64_t total_;
  std::vector<int32_t> free_;
};

}  // namespace honeybee
