#pragma once
#include <cstdint>
#include <string>

#include "collectives.h"

namespace honeybee::simt {

class Multiprocessor;

enum class FaultKind : uint8_t {
  kNone,
  kDivergentBarrier,  ///< threads of a block wait at different barriers
  kBarrierAfterExit,  ///< a barrier that exited threads cannot reach
  kDeadlock,          ///< nothing can run
  kLaneNotInMask,     ///< a collective's mask lacks the lane that calls it
  kExitedLane,        ///< a collective's mask names a lane that is not there
  kLanesDisagree,     ///< on operation, mask or place of a collective
  kInactiveSource,    ///< a shuffle from a lane outside the mask
  kMisaligned,        ///< address of ldmatrix or cp.async
  kNotShared,         ///< address of ldmatrix or cp.async
  kSharedTooLarge,    ///< static arrays
  kTooManyCopies,     ///< cp.async under way in one thread
  kStackOverflow,
  kBadAddress,  ///< an access that the processor refused
};

/// What a thread found wrong. Only plain values: it is noted on the thread's fiber and put into words on the
/// main one.
struct Fault {
  FaultKind kind = FaultKind::kNone;
  Where where = {};
  const void* address = nullptr;
  uint32_t mask = 0;
  const char* name = nullptr;
};

/// A sentence: kernel, block, what is wrong, and where the block's threads are.
std::string describe(const Fault& fault, const char* kernel, const Multiprocessor& where);

}  // namespace honeybee::simt
