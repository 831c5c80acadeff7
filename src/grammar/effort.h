#pragma once
#include <atomic>
#include <cstddef>

namespace honeybee::grammar {

/// What compiling one response format may cost in all. Schemas explode in many places, each within limits of
/// its own (limits.h); all of them spend here, some nanoseconds or two bytes a unit, so that time and memory
/// are bounded together: about a second and 100 MB. It belongs to the thread while it lives.
class Effort {
 public:
  /// `interrupt`: once true, compiling is given up with Error(kDisposed).
  explicit Effort(const std::atomic<bool>* interrupt);
  ~Effort();
  Effort(const Effort&) = delete;
  Effort& operator=(const Effort&) = delete;

  /// Throws Error(kOption) when more is spent than a format may cost.
  static void spend(size_t units);

 private:
  const std::atomic<bool>* interrupt_;
  size_t spent_ = 0;
};

}  // namespace honeybee::grammar
