#pragma once
#include <cstddef>
#include <memory>

#include "core/backend.h"

namespace honeybee::cpu {

/// Zeroed anonymous memory, aligned to 64 bytes at least; from 2 MiB on aligned to and made of huge pages
/// where the system gives them. Throws Error(kOutOfMemory), naming the bytes, when the machine or the control
/// group of this process has less left: an error now instead of a killed process later.
class HostMemory final : public Memory {
 public:
  explicit HostMemory(size_t bytes);
  ~HostMemory() override;
  HostMemory(const HostMemory&) = delete;
  HostMemory& operator=(const HostMemory&) = delete;

  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
  size_t mapped_ = 0;  // 0: from the heap
};

}  // namespace honeybee::cpu
