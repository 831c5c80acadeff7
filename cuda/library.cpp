// What the shared library exports (core/backend_library.h).
#include "core/backend_library.h"
#include "cuda/cublaslt.h"
#include "cuda/cuda_backend.h"
#include "cuda/devices.h"

#define HB_EXPORT extern "C" __attribute__((visibility("default")))

HB_EXPORT const char* honeybee_backend_abi() { return honeybee::backend_abi(); }

// C linkage gives the names; the types are C++ on both sides, which the ABI id has made sure of.
HB_EXPORT std::vector<honeybee::BackendDevice> honeybee_backend_devices() {
  std::vector<honeybee::BackendDevice> devices;
  for (const honeybee::cuda::DeviceInfo& device : honeybee::cuda::find_devices())
    devices.push_back({device.index, device.description(), device.memory, device.problem()});
  return devices;
}

HB_EXPORT std::vector<std::string> honeybee_backend_notes() { return honeybee::cuda::lt::search().notes(); }

HB_EXPORT honeybee::Backend* honeybee_backend_make(const honeybee::BackendOptions& options) {
  return honeybee::make_cuda_backend(options).release();
}
