#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "cuda/cupti.h"

namespace honeybee::cuda {

/// When the device worked on something, in nanoseconds of CUPTI's clock: from the start of its first kernel
/// or copy to the end of its last.
struct ActivitySpan {
  uint64_t start = 0;
  uint64_t end = 0;
};

/// CUPTI's records of what one thread starts between `begin` and `end`. There may be several at once, in any
/// threads: CUPTI knows one listener a process, so all share it, and numbers tell their work apart. The first
/// one starts CUPTI, the last one stops it and gives back all memory.
class Activity {
 public:
  /// Null if CUPTI does not start: no driver, another tool that has it, no leave to use it.
  static std::unique_ptr<Activity> start(const cupti::Functions& functions);
  ~Activity();
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

  /// What this thread starts from now on, until `end`, is the work of this number. False if CUPTI refuses:
  /// then nothing is to be ended, and the number will be missing.
  bool begin(uint32_t number) const;
  void end() const;

  /// The spans of all numbers whose work has ended, after a wait for it; a number that is missing did
  /// nothing, or its records were dropped.
  std::unordered_map<uint32_t, ActivitySpan> collect() const;
  /// Records that CUPTI had no room for since the last call.
  uint64_t dropped() const;

  /// CUPTI's clock, nanoseconds, when this was made.
  uint64_t started() const { return started_; }

 private:
  Activity(const cupti::Functions& functions, uint32_t id, uint64_t started)
      : functions_(functions), id_(id), started_(started) {}

  const cupti::Functions functions_;
  const uint32_t id_;
  const uint64_t started_;
};

}  // namespace honeybee::cuda
