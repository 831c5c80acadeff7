#pragma once
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace honeybee {

/// The processor's own counter where it runs at one rate whatever the cores do, read in some ten
/// nanoseconds; else the steady clock. What a tick is worth shows by comparison with the steady clock.
class CycleClock {
 public:
  uint64_t now() const {
#if defined(__x86_64__)
    if (counts_) return __rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#endif
    return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }

  /// Whether it is the processor's counter.
  bool counts() const { return counts_; }

 private:
  // Intel 64 and AMD64 manuals: CPUID leaf 0x80000007, bit 8 of EDX, is the invariant time-stamp counter.
  static bool has_counter() {
#if defined(__x86_64__)
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
#else
    return
#if defined(__aarch64__)
        true;
#else
        false;
#endif
#endif
  }

  bool counts_ = has_counter();
};

}  // namespace honeybee
