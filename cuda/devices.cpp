#include "cuda/devices.h"

#include <cuda_runtime.h>

#include <cstdio>

#include "cuda/check.h"

namespace honeybee::cuda {
namespace {

// bf16 tensor cores and cp.async.
constexpr int kOldestMajor = 8;

// "13.0" of 13000.
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int device_count() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    int runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    if (driver == 0) fail(ErrorCode::kDevice, "no NVIDIA driver is installed");
    fail(ErrorCode::kDevice, "the NVIDIA driver supports CUDA ", version_text(driver),
         ", this library needs ", version_text(runtime), "; update the driver");
  }
  require(status == cudaSuccess || status == cudaErrorNoDevice, ErrorCode::kDevice,
          "CUDA does not start: ", cudaGetErrorString(status));
  require(count > 0, ErrorCode::kDevice, "there is no NVIDIA GPU that CUDA can see");
  return count;
}

}  // namespace

std::string DeviceInfo::description() const {
  char text[64];
  std::snprintf(text, sizeof text, ", sm_%d%d, %d multiprocessors, %.1f GiB", major, minor, multiprocessors,
                static_cast<double>(memory) / 0x1p30);
  return model + text;
}

std::string DeviceInfo::problem() const {
  if (major >= kOldestMajor) return "";
  return "its architecture sm_" + std::to_string(major) + std::to_string(minor) +
         " is too old: honeybee needs sm_80 (Ampere) or newer";
}

std::vector<DeviceInfo> find_devices() {
  std::vector<DeviceInfo> devices;
  const int count = device_count();
  for (int i = 0; i < count; i++) {
    cudaDeviceProp properties;
    HB_CUDA(cudaGetDeviceProperties(&properties, i));
    devices.push_back({i, properties.name, properties.major, properties.minor, properties.multiProcessorCount,
                       properties.totalGlobalMem});
  }
  return devices;
}

DeviceInfo find_device(int index) {
  const std::vector<DeviceInfo> devices = find_devices();
  require(index >= 0 && static_cast<size_t>(index) < devices.size(), ErrorCode::kDevice, "there is no GPU ",
          index, "; this machine has ", devices.size(), ", counted from 0");
  const DeviceInfo& device = devices[static_cast<size_t>(index)];
  require(device.problem().empty(), ErrorCode::kDevice, "GPU ", index, " (", device.model,
          ") cannot be used: ", device.problem());
  return device;
}

}  // namespace honeybee::cuda
