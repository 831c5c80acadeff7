#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "runtime_api.h"

namespace honeybee::simt {

/// Kinds of runtime calls, as fault injection tells them apart (runtime_exports.h).
enum class Call {
  kAllocation,
  kLaunch,
  kCopy,
  kSynchronize,
  kOther,
  kRelease,  ///< never refused, or tests of failures would leak
  kKernel,   ///< no call, but queued work that runs
};

/// Which call is to fail, and how. Guarded by the runtime's lock.
class Injections {
 public:
  /// False for an unknown kind.
  bool set(const std::string& what, int64_t at);
  /// Calls of a kind since the last reset; -1 for an unknown one.
  int64_t calls(const std::string& what) const;
  void reset() { slots_ = {}; }

  /// Counts a call. What it is to return, if it is to fail.
  std::optional<cudaError_t> count(Call call);

 private:
  enum Slot { kAllocation, kLaunch, kCopy, kSynchronize, kOther, kAny, kKernel, kLost, kSlots };
  struct State {
    int64_t calls = 0;
    int64_t fails_at = 0;  ///< the value of `calls` that fails; 0: none
    cudaError_t error = cudaErrorUnknown;

    bool due() const { return fails_at > 0 && calls == fails_at; }
  };
  static std::optional<Slot> slot_named(const std::string& kind);
  static std::optional<Slot> slot_of(Call call);

  std::array<State, kSlots> slots_{};
};

}  // namespace honeybee::simt
