#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/backend.h"
#include "cuda/check.h"
#include "cuda/memory.h"

namespace honeybee::cuda {

class Products;
class Staging;

/// A stream of its own, which waits for no other.
class Stream {
 public:
  Stream() { HB_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point on a stream.
class Event {
 public:
  Event() { HB_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// What the operations need of the device they run on. One stream carries all work of a backend, in order.
struct Cuda {
  /// Throws Error(kDevice) if the device cannot be used.
  Cuda(int device, std::shared_ptr<Budget> budget, bool batch_invariant);
  ~Cuda();
  Cuda(const Cuda&) = delete;
  Cuda& operator=(const Cuda&) = delete;

  /// Device memory of at least `bytes` whose content is undefined, the same at every call until a larger one
  /// is asked for. Each operation uses slots of its own choice during one call; the next operation may
  /// overwrite them. Throws inside a recording if it would have to grow.
  void* scratch(int slot, size_t bytes);
  template <class T>
  T* scratch(int slot, int64_t count) {
    return static_cast<T*>(scratch(slot, static_cast<size_t>(count) * sizeof(T)));
  }

  /// Frees memory that recordings may use, once the stream has no work with it any more.
  void retire(std::unique_ptr<DeviceMemory> memory);
  /// Changes whenever memory is retired: what was recorded before may not run again.
  uint64_t generation() const { return generation_; }

  const int device;
  const int multiprocessors;
  const bool fp8_tensor_cores;  ///< sm_89 on
  const bool batch_invariant;  ///< products by kernels whose rows do not depend on each other, at their price
  const Stream stream;
  std::shared_ptr<Budget> budget;      ///< bytes that this backend may hold
  std::unique_ptr<Staging> staging;    ///< pinned host memory on the way to the device
  std::unique_ptr<Products> products;  ///< cuBLASLt with its plans
  bool recording = false;              ///< between the begin and the end of a capture

 private:
  static constexpr int kSlots = 8;
  std::unique_ptr<DeviceMemory> scratch_[kSlots];
  uint64_t generation_ = 0;
};

}  // namespace honeybee::cuda
