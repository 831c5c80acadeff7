#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "core/error.h"

namespace honeybee {

/// Numbers that JavaScript holds instead of pointers. No number is ever given twice in this process, so that
/// one which was freed, or belongs to another table, finds nothing.
template <class T>
class HandleTable {
 public:
  /// `what` names an entry in messages.
  explicit HandleTable(const char* what) : what_(what) {}

  int64_t add(std::unique_ptr<T> entry) {
    const int64_t handle = next_handle();
    entries_.emplace(handle, std::move(entry));
    return handle;
  }
  /// Throws Error(kOption) for a number that is not in the table.
  std::shared_ptr<T> at(int64_t handle) const {
    const auto entry = entries_.find(handle);
    require(entry != entries_.end(), ErrorCode::kOption, what_, " ", handle,
            " is not here: it was disposed or belongs to another device");
    return entry->second;
  }
  void remove(int64_t handle) { entries_.erase(handle); }

 private:
  static int64_t next_handle() {
    static std::atomic<int64_t> next{1};
    return next.fetch_add(1);
  }

  const char* what_;
  std::unordered_map<int64_t, std::shared_ptr<T>> entries_;
};

}  // namespace honeybee
