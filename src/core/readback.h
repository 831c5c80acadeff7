#pragma once
#include <span>

#include "core/tensor.h"

namespace honeybee {

/// A tensor and the host memory, without gaps between its rows, that its values go to.
struct Download {
  Tensor source;
  void* host = nullptr;
};

/// Values on their way to the host while the device goes on with other work. Made by a backend, used on its
/// thread, gone before it.
class Readback {
 public:
  virtual ~Readback() = default;
  /// Asks for values as they are behind all work so far, whatever is asked for next. Those of an earlier
  /// start that nobody waited for are forgotten.
  virtual void start(std::span<const Download> downloads) = 0;
  /// Returns when the values that were asked for last lie where they were to go. Throws what the work before
  /// them failed of.
  virtual void wait() = 0;
};

}  // namespace honeybee
