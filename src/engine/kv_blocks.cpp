#include "engine/kv_blocks.h"

namespace honeybee {

KvBlocks::KvBlocks(int64_t count) : total_(count) {
  for (int64_t i = count; i-- > 0;) free_.push_back(static_cast<int32_t>(i));
}

bool KvBlocks::take(int64_t count, std::vector<int32_t>& table) {
  if (count > free()) return false;
  for (int64_t i = 0; i < count; i++) {
    table.push_back(free_.back());
    free_.pop_back();
  }
  return true;
}

void KvBlocks::give_back(std::vector<int32_t>& table) {
  for (; !table.empty(); table.pop_back()) free_.push_back(table.back());
}

}  // namespace honeybee
