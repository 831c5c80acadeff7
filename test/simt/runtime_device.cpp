// Errors and devices.
#include <algorithm>
#include <cstdio>
#include <set>

#include "runtime.h"

using honeybee::simt::api;
using honeybee::simt::Call;
using honeybee::simt::current_device;
using honeybee::simt::DriverSettings;
using honeybee::simt::kRuntimeVersion;
using honeybee::simt::last_error;
using honeybee::simt::runtime;

namespace {

struct ErrorName {
  cudaError_t error;
  const char* name;
  const char* text;
};

constexpr ErrorName kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorCudartUnloading, "cudaErrorCudartUnloading", "driver shutting down"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidPitchValue, "cudaErrorInvalidPitchValue", "invalid pitch argument"},
    {cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorDevicesUnavailable, "cudaErrorDevicesUnavailable",
     "CUDA-capable device(s) is/are busy or unavailable"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorNotPermitted, "cudaErrorNotPermitted", "operation not permitted"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not ended in the same stream as it began"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorName* find_error(cudaError_t error) {
  const auto* found = std::find_if(std::begin(kErrors), std::end(kErrors),
                                   [&](const ErrorName& e) { return e.error == error; });
  return found == std::end(kErrors) ? nullptr : found;
}

bool is_device(int device) { return device >= 0 && device < DriverSettings::read().devices; }

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  const ErrorName* known = find_error(error);
  return known == nullptr ? "unrecognized error code" : known->name;
}

const char* cudaGetErrorString(cudaError_t error) {
  const ErrorName* known = find_error(error);
  if (known == nullptr) return "unrecognized error code";
  const std::scoped_lock lock(runtime().mutex);
  if (error != cudaErrorLaunchFailure || runtime().fault_text().empty()) return known->text;
  // Callers keep the pointer.
  static auto* const texts = new std::set<std::string>;
  return texts->insert(std::string(known->text) + ": " + runtime().fault_text()).first->c_str();
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  last_error() = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() {
  const std::scoped_lock lock(runtime().mutex);
  const cudaError_t lasting = runtime().device_error(current_device());
  return lasting != cudaSuccess ? lasting : last_error();
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return api(Call::kOther, [&] {
    *count = DriverSettings::read().devices;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return api(Call::kOther, [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    current_device() = device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return api(Call::kOther, [&] {
    *device = current_device();
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return api(Call::kOther, [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    const DriverSettings settings = DriverSettings::read();
    switch (attribute) {
      case cudaDevAttrMaxThreadsPerBlock:
        *value = 1024;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlock:
        *value = 48 << 10;
        return cudaSuccess;
      case cudaDevAttrWarpSize:
        *value = 32;
        return cudaSuccess;
      case cudaDevAttrClockRate:  // kHz, as of an H200 like all that follows
        *value = 1980000;
        return cudaSuccess;
      case cudaDevAttrMultiProcessorCount:
        *value = settings.multiprocessors;
        return cudaSuccess;
      case cudaDevAttrMemoryClockRate:
        *value = 3201000;
        return cudaSuccess;
      case cudaDevAttrGlobalMemoryBusWidth:
        *value = 6144;
        return cudaSuccess;
      case cudaDevAttrL2CacheSize:
        *value = 60 << 20;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMajor:
        *value = settings.major;
        return cudaSuccess;
      case cudaDevAttrComputeCapabilityMinor:
        *value = settings.minor;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
        *value = 228 << 10;
        return cudaSuccess;
      case cudaDevAttrMaxRegistersPerMultiprocessor:
        *value = 65536;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = 227 << 10;
        return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return api(Call::kOther, [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    const DriverSettings settings = DriverSettings::read();
    *properties = {.name = {},
                   .totalGlobalMem = honeybee::simt::DeviceHeap::capacity(),
                   .sharedMemPerBlock = 48 << 10,
                   .sharedMemPerBlockOptin = 227 << 10,
                   .warpSize = 32,
                   .maxThreadsPerBlock = 1024,
                   .major = settings.major,
                   .minor = settings.minor,
                   .multiProcessorCount = settings.multiprocessors,
                   .l2CacheSize = 60 << 20};
    std::snprintf(properties->name, sizeof properties->name, "Honeybee simulator");
    return cudaSuccess;
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = DriverSettings::read().version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRuntimeVersion;
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  return api(Call::kOther, [&] {
    const bool possible = attribute == cudaFuncAttributeMaxDynamicSharedMemorySize && value >= 0 &&
                          value <= 227 << 10 && function != nullptr;
    return possible ? cudaSuccess : cudaErrorInvalidValue;
  });
}
