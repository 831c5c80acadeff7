#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <vector>

namespace honeybee::cuda {

/// Slices of pinned host memory that take turns, so that one fills while others travel to the device.
class SliceRing {
 public:
  SliceRing(cudaStream_t stream, int count, size_t bytes);
  ~SliceRing();
  SliceRing(const SliceRing&) = delete;
  SliceRing& operator=(const SliceRing&) = delete;

  size_t bytes() const { return bytes_; }
  /// The next slice, once nothing on the stream reads it any more.
  void* next();
  /// The slice that `next` gave last.
  void* current() const { return slices_[current_].data; }
  /// To be called after the copies from the slice that `next` gave were queued.
  void sent();

 private:
  struct Slice {
    void* data = nullptr;
    cudaEvent_t sent = nullptr;
  };
  cudaStream_t stream_;
  size_t bytes_;
  std::vector<Slice> slices_;
  size_t current_ = 0;
};

/// Host memory on its way to the device, asynchronously: what is handed in may change at once afterwards.
class Staging {
 public:
  explicit Staging(cudaStream_t stream);

  static constexpr size_t kSlice = size_t{4} << 20;

  /// A slice of kSlice bytes to fill: weights are read straight into it.
  void* next() { return large_.next(); }
  /// Copies the first `bytes` of the slice that `next` gave last.
  void send(void* target, size_t bytes);
  /// Copies `rows` rows of `row_bytes` that lie without gaps to rows `pitch` bytes apart.
  void upload(void* target, size_t pitch, const void* host, size_t row_bytes, size_t rows);

 private:
  cudaStream_t stream_;
  SliceRing large_;
  SliceRing small_;
};

}  // namespace honeybee::cuda
