#include "engine/block_manager.h"

namespace honeybee {

BlockManager::BlockManager(int64_t count) : blocks_(static_cast<size_t>(count)) {
  for (int64_t i = count; i-- > 0;) push_free(static_cast<int32_t>(i));
}

void BlockManager::push_free(int32_t block) noexcept {
  at(block).next = free_;
  free_ = block;
  free_count_++;
}

void BlockManager::unlink(int32_t block) noexcept {
  const Block& b = at(block);
  (b.previous >= 0 ? at(b.previous).next : oldest_) = b.next;
  (b.next >= 0 ? at(b.next).previous : newest_) = b.previous;
  cached_count_--;
}

// A cached block becomes a free one.
void BlockManager::evict(int32_t block) noexcept {
  unlink(block);
  known_.erase(at(block).content);
  at(block).known = false;
  push_free(block);
  evictions_++;
}

bool BlockManager::take(int64_t count, std::vector<int32_t>& table) {
  if (count > available()) return false;
  table.reserve(table.size() + static_cast<size_t>(count));
  for (; count > 0; count--) {
    if (free_ < 0) evict(oldest_);
    const int32_t block = free_;
    free_ = at(block).next;
    free_count_--;
    at(block).references = 1;
    table.push_back(block);
  }
  return true;
}

bool BlockManager::share(const ContentHash& content, std::vector<int32_t>& table) {
  const auto found = known_.find(content);
  if (found == known_.end()) return false;
  table.push_back(found->second);
  if (at(found->second).references++ == 0) unlink(found->second);
  return true;
}

void BlockManager::share_blocks(std::span<const int32_t> blocks, std::vector<int32_t>& table) {
  table.insert(table.end(), blocks.begin(), blocks.end());
  for (const int32_t block : blocks) at(block).references++;
}

void BlockManager::publish(int32_t block, const ContentHash& content) {
  if (at(block).known || !known_.emplace(content, block).second) return;
  at(block).known = true;
  at(block).content = content;
}

void BlockManager::give_back(std::vector<int32_t>& table) noexcept {
  for (; !table.empty(); table.pop_back()) {
    const int32_t block = table.back();
    Block& b = at(block);
    if (--b.references > 0) continue;
    if (!b.known) {
      push_free(block);
      continue;
    }
    b.previous = newest_;
    b.next = -1;
    (newest_ >= 0 ? at(newest_).next : oldest_) = block;
    newest_ = block;
    cached_count_++;
  }
}

}  // namespace honeybee
