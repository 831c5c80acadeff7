#pragma once
#include <string>

#include "core/error.h"

namespace honeybee::simt {

/// A kernel broke a rule of the programming model. The message names the kernel, the place and what was
/// wrong.
class KernelFault : public Error {
 public:
  explicit KernelFault(const std::string& message, const void* address = nullptr)
      : Error(ErrorCode::kDevice, message), address_(address) {}
  /// What a thread touched and must not; the runtime knows what lies there. Null for other faults.
  const void* address() const { return address_; }

 private:
  const void* address_;
};

}  // namespace honeybee::simt
