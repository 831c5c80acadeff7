#pragma once
#include <cstddef>

#if !defined(__x86_64__) || defined(HONEYBEE_SIMT_UCONTEXT)
#define SIMT_UCONTEXT 1
#include <ucontext.h>
#endif

namespace honeybee::simt {

/// A stack that can be left in mid-function and continued later. On x86-64 a switch is a dozen instructions;
/// elsewhere it goes through ucontext.
class Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Stands for the calling OS thread's own stack.
  void adopt();
  /// Starts `entry`, which never returns, at the next switch to this fiber. Whatever ran on it is forgotten.
  /// `index` spreads the stacks of neighbours over the cache's sets.
  void prepare(void (*entry)(), unsigned index);
  /// Leaves this fiber, which must be the running one, and continues `other`.
  void switch_to(Fiber& other);
  /// The first thing `entry` calls.
  static void entered();
  /// Whether the address lies in the page below the stack that catches its overflow.
  bool guards(const void* address) const;
  /// Forgets what runs on the stack and returns its top, where a signal handler may let a new function begin.
  void* emptied();

 private:
  void map_stack();

  void* stack_pointer_ = nullptr;
  std::byte* stack_ = nullptr;  ///< the lowest byte above the guard page; null for an OS thread's own
  void* top_ = nullptr;
  const void* bottom_ = nullptr;  ///< bounds of the stack, whoever owns it
  size_t bytes_ = 0;
  void* asan_frames_ = nullptr;
  void* tsan_fiber_ = nullptr;
#ifdef SIMT_UCONTEXT
  ucontext_t context_;
#endif
};

}  // namespace honeybee::simt
