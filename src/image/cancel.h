#pragma once
#include <atomic>

namespace honeybee {

/// Set by the owner of a job that no longer wants its result; long loops look at it between bands of rows.
using CancelFlag = std::atomic<bool>;

/// Thrown by a loop that saw its flag: nobody waits for the result any more.
struct Cancelled {};

/// Throws Cancelled once `flag` (may be null) is set.
inline void check_cancelled(const CancelFlag* flag) {
  if (flag != nullptr && flag->load(std::memory_order_relaxed)) throw Cancelled();
}

}  // namespace honeybee
