#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "cuda/check.h"

namespace honeybee::cuda {
namespace {

constexpr int kLargeSlices = 4;
constexpr int kSmallSlices = 64;  // the tables of several steps
constexpr size_t kSmallSlice = size_t{64} << 10;

}  // namespace

SliceRing::SliceRing(cudaStream_t stream, int count, size_t bytes)
    : stream_(stream), bytes_(bytes), slices_(static_cast<size_t>(count)) {}

SliceRing::~SliceRing() {
  for (const Slice& slice : slices_) {
    if (slice.sent != nullptr) cudaEventDestroy(slice.sent);
    if (slice.data != nullptr) cudaFreeHost(slice.data);
  }
}

void* SliceRing::next() {
  current_ = (current_ + 1) % slices_.size();
  Slice& slice = slices_[current_];
  if (slice.data == nullptr) HB_CUDA(cudaMallocHost(&slice.data, bytes_));
  if (slice.sent == nullptr) {
    HB_CUDA(cudaEventCreateWithFlags(&slice.sent, cudaEventDisableTiming));
  } else {
    HB_CUDA(cudaEventSynchronize(slice.sent));
  }
  return slice.data;
}

void SliceRing::sent() { HB_CUDA(cudaEventRecord(slices_[current_].sent, stream_)); }

Staging::Staging(cudaStream_t stream)
    : stream_(stream), large_(stream, kLargeSlices, kSlice), small_(stream, kSmallSlices, kSmallSlice) {}

void Staging::send(void* target, size_t bytes) {
  HB_CUDA(cudaMemcpyAsync(target, large_.current(), bytes, cudaMemcpyHostToDevice, stream_));
  large_.sent();
}

void Staging::upload(void* target, size_t pitch, const void* host, size_t row_bytes, size_t rows) {
  // Rows without gaps on either side are one long row.
  if (pitch == row_bytes || rows == 1) {
    const auto* from = static_cast<const char*>(host);
    auto* to = static_cast<char*>(target);
    for (size_t left = row_bytes * rows; left > 0;) {
      SliceRing& ring = left <= kSmallSlice ? small_ : large_;
      const size_t bytes = std::min(left, ring.bytes());
      void* slice = ring.next();
      std::memcpy(slice, from, bytes);
      HB_CUDA(cudaMemcpyAsync(to, slice, bytes, cudaMemcpyHostToDevice, stream_));
      ring.sent();
      from += bytes;
      to += bytes;
      left -= bytes;
    }
    return;
  }
  for (size_t r = 0; r < rows; r++)
    upload(static_cast<char*>(target) + r * pitch, row_bytes, static_cast<const char*>(host) + r * row_bytes,
           row_bytes, 1);
}

}  // namespace honeybee::cuda
