#pragma once
#include <memory>
#include <vector>

#include "core/readback.h"
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// Values that are copied to pinned host memory on the stream, and from there when they are waited for.
class PinnedReadback final : public Readback {
 public:
  explicit PinnedReadback(Cuda& cuda) : cuda_(cuda) {}

  void start(std::span<const Download> downloads) override;
  void wait() override;

 private:
  /// Pinned memory for one tensor; kept, and made anew where it is too small.
  class Slot {
   public:
    Slot() = default;
    ~Slot();
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&&) = delete;
    void reserve(size_t bytes, cudaStream_t stream);
    void* data() const { return data_; }

   private:
    void* data_ = nullptr;
    size_t bytes_ = 0;
  };

  Cuda& cuda_;
  const Event arrived_;
  std::vector<Slot> slots_;
  std::vector<Download> downloads_;  ///< under way, each by the slot of its number
};

}  // namespace honeybee::cuda
