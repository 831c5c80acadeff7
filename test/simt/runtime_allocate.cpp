// Allocation of device memory and of page-locked host memory.
#include "kernel_fault.h"
#include "runtime.h"

using honeybee::simt::api;
using honeybee::simt::Call;
using honeybee::simt::current_device;
using honeybee::simt::DeviceHeap;
using honeybee::simt::runtime;

namespace {

// Frees only what nothing uses any more.
void finish_all_devices() {
  for (int device = 0; device < honeybee::simt::DriverSettings::read().devices; device++)
    runtime().streams.finish_device(device);
}

cudaError_t allocate_pinned(void** pointer, size_t bytes) {
  *pointer = nullptr;
  if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
  if (bytes == 0) return cudaSuccess;
  *pointer = runtime().pinned.allocate(bytes);
  return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

}  // namespace

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  return api(Call::kOther, [&] {
    *total = DeviceHeap::capacity();
    *free = *total - std::min(*total, runtime().heap.used(current_device()));
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  return api(Call::kAllocation, [&] {
    *pointer = nullptr;
    if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
    if (bytes == 0) return cudaSuccess;
    *pointer = runtime().heap.allocate(current_device(), bytes);
    return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

cudaError_t cudaFree(void* pointer) {
  return api(Call::kRelease, [&] {
    if (pointer == nullptr) return cudaSuccess;
    if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
    finish_all_devices();
    const honeybee::simt::Allocation* allocation = runtime().heap.find(pointer);
    if (allocation == nullptr) return cudaErrorInvalidValue;
    const int device = allocation->device;
    try {
      if (!runtime().heap.release(pointer)) return cudaErrorInvalidValue;
    } catch (const honeybee::simt::KernelFault& fault) {
      runtime().fail_device(device, cudaErrorLaunchFailure, fault.what());
    }
    return honeybee::simt::outcome(device);
  });
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  return api(Call::kAllocation, [&] { return allocate_pinned(pointer, bytes); });
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  return api(Call::kAllocation, [&] {
    constexpr unsigned kKnown = cudaHostAllocPortable | cudaHostAllocWriteCombined;
    return (flags & ~kKnown) != 0 ? cudaErrorInvalidValue : allocate_pinned(pointer, bytes);
  });
}

cudaError_t cudaFreeHost(void* pointer) {
  return api(Call::kRelease, [&] {
    if (pointer == nullptr) return cudaSuccess;
    if (runtime().graphs.forbid_unsafe_call()) return cudaErrorStreamCaptureUnsupported;
    finish_all_devices();
    if (!runtime().pinned.release(pointer)) return cudaErrorInvalidValue;
    return honeybee::simt::outcome(current_device());
  });
}
