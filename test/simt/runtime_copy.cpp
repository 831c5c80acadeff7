// Copies and fills.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernel_fault.h"
#include "runtime.h"

namespace honeybee::simt {
namespace {

enum class Place { kDevice, kPinned, kPageable };

// Rows of bytes in memory.
struct Rows {
  std::byte* data;
  size_t pitch;
  size_t width;
  size_t height;

  size_t extent() const { return (height - 1) * pitch + width; }
  std::byte* row(size_t i) const { return data + i * pitch; }
};

Place place_of(const Rows& rows) {
  if (runtime().heap.find(rows.data) != nullptr) return Place::kDevice;
  return runtime().pinned.holds(rows.data, rows.extent()) ? Place::kPinned : Place::kPageable;
}

bool on_device(const Rows& rows) {
  const Allocation* allocation = runtime().heap.find(rows.data);
  return allocation != nullptr && allocation->holds(rows.data, rows.extent());
}

// When work runs, what it was queued for may be gone: a graph keeps addresses, not memory.
void require_live(const char* name, const Rows& rows, Place place) {
  if (place == Place::kDevice && !on_device(rows))
    throw KernelFault(std::string(name) + ": illegal address, " + runtime().heap.describe(rows.data));
  if (place == Place::kPinned && !runtime().pinned.holds(rows.data, rows.extent()))
    throw KernelFault(std::string(name) + ": the pinned host memory was freed");
}

bool direction_is(cudaMemcpyKind kind, bool from_device, bool to_device) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !from_device && !to_device;
    case cudaMemcpyHostToDevice:
      return !from_device && to_device;
    case cudaMemcpyDeviceToHost:
      return from_device && !to_device;
    case cudaMemcpyDeviceToDevice:
      return from_device && to_device;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

cudaError_t check(const Rows& rows) {
  if (rows.data == nullptr) return cudaErrorInvalidValue;
  if (rows.height > 1 && rows.pitch < rows.width) return cudaErrorInvalidPitchValue;
  return place_of(rows) == Place::kDevice && !on_device(rows) ? cudaErrorInvalidValue : cudaSuccess;
}

// A copy of rows without gaps, as CUDA takes one of pageable memory before the call returns.
Rows take(const Rows& rows, std::vector<std::byte>& bytes) {
  bytes.resize(rows.width * rows.height);
  const Rows packed{bytes.data(), rows.width, rows.width, rows.height};
  for (size_t i = 0; i < rows.height; i++) std::memcpy(packed.row(i), rows.row(i), rows.width);
  return packed;
}

cudaError_t copy(const char* name, const Rows& target, Rows source, cudaMemcpyKind kind, cudaStream_t stream,
                 bool blocking) {
  if (target.width == 0 || target.height == 0) return cudaSuccess;
  for (const Rows& rows : {target, source}) {
    if (const cudaError_t status = check(rows); status != cudaSuccess) return status;
  }
  const Place to = place_of(target);
  const Place from = place_of(source);
  if (!direction_is(kind, from == Place::kDevice, to == Place::kDevice)) return cudaErrorInvalidValue;
  const StreamPointer queue = runtime().streams.find(stream, current_device());
  if (queue == nullptr) return cudaErrorInvalidResourceHandle;
  if ((to == Place::kPageable || from == Place::kPageable) && queue->capture != nullptr) {
    // What a graph would read later is nobody's promise.
    queue->capture->invalidated = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  const auto taken = std::make_shared<std::vector<std::byte>>();
  if (from == Place::kPageable) source = take(source, *taken);
  const cudaError_t status = queue_work(stream, {.name = name, .run = [=] {
                                                   require_live(name, target, to);
                                                   require_live(name, source, from);
                                                   static_cast<void>(taken);
                                                   for (size_t i = 0; i < target.height; i++)
                                                     std::memmove(target.row(i), source.row(i), target.width);
                                                 }});
  if (status != cudaSuccess || queue->capture != nullptr) return status;
  // Into pageable memory even an asynchronous copy is over when the call returns.
  const bool device_only = to == Place::kDevice && from == Place::kDevice;
  if (to == Place::kPageable || (blocking && !device_only)) runtime().streams.finish(queue);
  return outcome(queue->device);
}

cudaError_t fill(const char* name, const Rows& target, int value, cudaStream_t stream) {
  if (target.width == 0 || target.height == 0) return cudaSuccess;
  if (const cudaError_t status = check(target); status != cudaSuccess) return status;
  if (place_of(target) != Place::kDevice) return cudaErrorInvalidValue;
  return queue_work(stream, {.name = name, .run = [=] {
                               require_live(name, target, Place::kDevice);
                               for (size_t i = 0; i < target.height; i++)
                                 std::memset(target.row(i), value, target.width);
                             }});
}

Rows rows_of(const void* data, size_t pitch, size_t width, size_t height) {
  return {static_cast<std::byte*>(const_cast<void*>(data)), pitch, width, height};
}

}  // namespace
}  // namespace honeybee::simt

using honeybee::simt::api;
using honeybee::simt::Call;
using honeybee::simt::copy;
using honeybee::simt::fill;
using honeybee::simt::rows_of;

cudaError_t cudaMemcpy(void* target, const void* source, size_t bytes, cudaMemcpyKind kind) {
  return api(Call::kCopy, [&] {
    return copy("cudaMemcpy", rows_of(target, bytes, bytes, 1), rows_of(source, bytes, bytes, 1), kind,
                nullptr, true);
  });
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return api(Call::kCopy, [&] {
    return copy("cudaMemcpyAsync", rows_of(target, bytes, bytes, 1), rows_of(source, bytes, bytes, 1), kind,
                stream, false);
  });
}

cudaError_t cudaMemcpy2DAsync(void* target, size_t target_pitch, const void* source, size_t source_pitch,
                              size_t width, size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return api(Call::kCopy, [&] {
    return copy("cudaMemcpy2DAsync", rows_of(target, target_pitch, width, height),
                rows_of(source, source_pitch, width, height), kind, stream, false);
  });
}

cudaError_t cudaMemset(void* target, int value, size_t bytes) {
  return api(Call::kCopy,
             [&] { return fill("cudaMemset", rows_of(target, bytes, bytes, 1), value, nullptr); });
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
  return api(Call::kCopy,
             [&] { return fill("cudaMemsetAsync", rows_of(target, bytes, bytes, 1), value, stream); });
}

cudaError_t cudaMemset2DAsync(void* target, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  return api(Call::kCopy,
             [&] { return fill("cudaMemset2DAsync", rows_of(target, pitch, width, height), value, stream); });
}
