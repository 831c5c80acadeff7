#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "collectives.h"
#include "fault.h"
#include "fiber.h"
#include "grid.h"
#include "sanitizers.h"
#include "schedule.h"
#include "shared_memory.h"
#include "statistics.h"

namespace honeybee::simt {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kMaxThreads = 1024;

enum class ThreadState : uint8_t { kRunnable, kInCollective, kAtBarrier, kExited };

/// A thread of the running block.
struct Thread {
  Fiber fiber;
  uint3 index;
  unsigned warp, lane;
  ThreadState state;
  Where where;  ///< of the collective or barrier that it is in
  uint64_t copy_group;
  int copy_count;
};

/// Lanes as bit masks, and what each lane brought to the collective that it waits in.
struct Warp {
  uint32_t runnable, waiting, alive;
  uint32_t syncs;  ///< __syncwarp met so far
  Operation operations[kWarp];
  uint32_t masks[kWarp];
  uint64_t places[kWarp];  ///< line and column
  void* operands[kWarp];
};

/// A cp.async under way.
struct AsyncCopy {
  void* target;
  const void* source;
  uint64_t group;
};

/// Runs one block after another; each CUDA thread is a fiber, and a warp's lanes meet in its collectives.
/// A thread runs until it has to wait, and a warp (except in random order) until all its lanes wait at a
/// block barrier or have exited, so that warps drift as far apart as the kernel lets them.
///
/// Functions marked SIMT_UNTRACED run on a thread's fiber on the simulator's account. They call no allocator
/// and no container, which ThreadSanitizer would book to the kernel.
class Multiprocessor {
 public:
  Multiprocessor();
  Multiprocessor(const Multiprocessor&) = delete;
  Multiprocessor& operator=(const Multiprocessor&) = delete;

  /// Makes ready for blocks of this launch on the calling OS thread; `launch` must outlive them.
  void begin_launch(const Launch& launch, const Schedule& schedule);
  /// Throws KernelFault; the multiprocessor can run other launches after that.
  void run_block(uint64_t block);

  Statistics statistics;  ///< since begin_launch

  // For the running thread:

  int barrier(bool predicate, Where where);
  /// Waits until every lane of `mask` has come with the same operation, mask and place; the last to come
  /// calls `execute`, which finds each lane's operands in the warp and leaves the results there.
  void collective(Operation operation, uint32_t mask, void* operands, void (*execute)(Warp&, uint32_t),
                  Where where);
  [[noreturn]] void fail(Fault fault);
  SIMT_UNTRACED Warp& warp() { return warps_[running_->warp]; }
  SIMT_UNTRACED Thread& thread() { return *running_; }
  /// Whether a CUDA thread (and not the simulator) is running.
  SIMT_UNTRACED bool in_kernel() const { return running_ != nullptr; }
  SIMT_UNTRACED SharedMemory& shared() { return shared_; }
  /// The copies that the running thread has under way.
  AsyncCopy* copies();
  static constexpr int kMaxCopies = 256;
  /// The token of the running thread's warp for `publish` and `observe`, by turns.
  SIMT_UNTRACED char* warp_token() { return &warp_tokens_[running_->warp][warp().syncs % 2]; }

  const Thread& thread(unsigned number) const { return threads_[number]; }
  unsigned thread_count() const { return thread_count_; }
  const Warp& warp_of(const Thread& thread) const { return warps_[thread.warp]; }

 private:
  static void thread_main();
  void reset_threads();
  void exit_thread();
  void release_barrier();
  /// Continues some thread that can run (or the main fiber if all have exited) and returns when the running
  /// thread's turn comes again. `same_warp` prefers the running warp.
  void reschedule(bool same_warp);
  void switch_to(Thread& next);
  void switch_to_main();
  void make_runnable(unsigned warp, uint32_t lanes);
  void suspend(ThreadState state);
  unsigned pick(uint32_t candidates);

  const Launch* launch_ = nullptr;
  Schedule schedule_;
  RandomBits random_{1};

  const std::unique_ptr<Thread[]> thread_storage_;
  const std::unique_ptr<AsyncCopy[]> copy_storage_;
  Thread* const threads_;
  AsyncCopy* const copies_;  ///< kMaxCopies a thread
  unsigned prepared_ = 0;    ///< threads whose fibers wait at the head of thread_main
  unsigned thread_count_ = 0;
  Thread* running_ = nullptr;  ///< null while the main fiber runs
  Fiber main_;

  Warp warps_[kWarp];
  uint32_t runnable_warps_ = 0;
  unsigned alive_ = 0;
  unsigned arrived_ = 0;  ///< at the block barrier
  Where barrier_where_;
  uint64_t barrier_place_ = 0;
  int barrier_votes_ = 0, barrier_result_ = 0;
  uint64_t barrier_phase_ = 0;

  SharedMemory shared_;
  Fault fault_;

  // Tokens order accesses for ThreadSanitizer. Barriers take turns with two, so that a thread that has run on
  // to the next barrier does not look ordered before one that has yet to leave this one.
  char start_token_ = 0, end_token_ = 0;
  char barrier_tokens_[2] = {};
  char warp_tokens_[kWarp][2] = {};
};

/// The one that runs on this OS thread.
extern constinit thread_local Multiprocessor* multiprocessor __attribute__((tls_model("initial-exec")));

}  // namespace honeybee::simt
