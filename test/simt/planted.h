#pragma once

namespace honeybee::simt {

/// Faults that the kernels of planted.cu commit on request, one at a time.
enum class Planted {
  kNone,
  kNoBarrierBeforeRead,
  kNoBarrierAfterRead,
  kNoWarpBarrier,
  kNoCopyWait,
  kNoCopyBarrier,
  kUnwrittenShared,
  kStaticSharedOverrun,
  kDynamicSharedOverrun,
  kGlobalWriteOverrun,
  kGlobalReadOverrun,
  kBarrierInBranch,
  kEarlyExit,
  kShuffleInBranch,
  kShuffleMasksDiffer,
  kShuffleFromOutside,
  kLdmatrixMisaligned,
  kLdmatrixOfGlobal,
  kCopyMisaligned,
  kTooManyCopies,
  kVectorMisaligned,
  kNullPointer,
  kFarPointer,
  kStackOverflow,
  kStaticSharedTooLarge,
  kDynamicSharedTooLarge,
  kBlockTooLarge,
  kGridTooLarge,
  kOneWordRace,
  kCount
};

/// "no barrier before a read" and so on.
const char* planted_name(Planted fault);

/// Runs the kernel of this fault (every kernel for kNone) and compares what it computes with a loop. True if
/// that is right; throws KernelFault if the simulator reports a fault.
bool run_planted(Planted fault);

}  // namespace honeybee::simt
