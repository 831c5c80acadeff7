#pragma once
#include <cstdint>

#include "sanitizers.h"

/// In which order blocks, warps and lanes run wherever CUDA leaves it open.
namespace honeybee::simt {

enum class Order { kForward, kReverse, kRandom };

struct Schedule {
  Order order = Order::kRandom;
  uint64_t seed = 1;   ///< of kRandom
  int os_threads = 1;  ///< among which the blocks of a launch are divided
};

/// From HONEYBEE_SIMT_ORDER=forward|reverse|random[:seed] and HONEYBEE_SIMT_THREADS until set_schedule is
/// called. Throws Error(kOption) for another word or number.
Schedule schedule();
/// For launches that begin from now on.
void set_schedule(const Schedule& schedule);

/// A permutation of 0 … count - 1: ascending, descending, or a seeded walk that meets each number once.
class BlockOrder {
 public:
  BlockOrder(const Schedule& schedule, uint64_t count);
  uint64_t operator[](uint64_t position) const;

 private:
  uint64_t count_, first_, step_;
};

/// Small and fast random numbers (xorshift64).
class RandomBits {
 public:
  explicit RandomBits(uint64_t seed);
  SIMT_UNTRACED uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 16);
  }

 private:
  uint64_t state_;
};

}  // namespace honeybee::simt
