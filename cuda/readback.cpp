#include "cuda/readback.h"

#include <cstring>
#include <utility>

namespace honeybee::cuda {
namespace {

size_t bytes_of(const Tensor& t) { return static_cast<size_t>(t.rows) * t.row_bytes(); }

}  // namespace

PinnedReadback::Slot::~Slot() {
  if (data_ != nullptr) cudaFreeHost(data_);
}

PinnedReadback::Slot::Slot(Slot&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

void PinnedReadback::Slot::reserve(size_t bytes, cudaStream_t stream) {
  if (bytes <= bytes_) return;
  // What still travels there is nobody's any more, but it has to arrive before the memory goes.
  HB_CUDA(cudaStreamSynchronize(stream));
  cudaFreeHost(std::exchange(data_, nullptr));
  bytes_ = 0;
  HB_CUDA(cudaMallocHost(&data_, bytes));
  bytes_ = bytes;
}

void PinnedReadback::start(std::span<const Download> downloads) {
  downloads_.clear();
  if (slots_.size() < downloads.size()) slots_.resize(downloads.size());
  for (size_t i = 0; i < downloads.size(); i++) {
    const Tensor& source = downloads[i].source;
    if (source.size() == 0) continue;
    slots_[i].reserve(bytes_of(source), cuda_.stream);
    HB_CUDA(cudaMemcpy2DAsync(slots_[i].data(), source.row_bytes(), source.data,
                              static_cast<size_t>(source.stride) * dtype_size(source.dtype),
                              source.row_bytes(), static_cast<size_t>(source.rows), cudaMemcpyDeviceToHost,
                              cuda_.stream));
  }
  HB_CUDA(cudaEventRecord(arrived_, cuda_.stream));
  downloads_.assign(downloads.begin(), downloads.end());
}

void PinnedReadback::wait() {
  const std::vector<Download> downloads = std::exchange(downloads_, {});
  HB_CUDA(cudaEventSynchronize(arrived_));
  for (size_t i = 0; i < downloads.size(); i++)
    if (downloads[i].source.size() > 0)
      std::memcpy(downloads[i].host, slots_[i].data(), bytes_of(downloads[i].source));
}

}  // namespace honeybee::cuda
