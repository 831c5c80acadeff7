#pragma once
#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>

#include "core/backend.h"

namespace honeybee::cuda {

/// Bytes of device memory that one backend may hold, and holds.
class Budget {
 public:
  /// `limit` 0: what the device has.
  explicit Budget(size_t limit) : limit_(limit) {}
  /// Throws Error(kOutOfMemory) beyond the limit.
  void take(size_t bytes);
  void give_back(size_t bytes) { used_ -= bytes; }
  /// Bytes that can still be taken on the current device.
  size_t free() const;

 private:
  size_t limit_;
  std::atomic<size_t> used_{0};
};

/// Device memory, zeroed on the stream. Freed with the object; work on it must have ended by then.
class DeviceMemory final : public Memory {
 public:
  DeviceMemory(Budget& budget, size_t bytes, cudaStream_t stream);
  ~DeviceMemory() override;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  Budget& budget_;
  void* data_ = nullptr;
  size_t bytes_;
};

}  // namespace honeybee::cuda
