#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace honeybee::cuda {

struct DeviceInfo {
  int index = 0;
  std::string model;  ///< "NVIDIA H100 80GB HBM3"
  int major = 0;      ///< compute capability
  int minor = 0;
  int multiprocessors = 0;
  size_t memory = 0;  ///< bytes

  /// "NVIDIA H100 80GB HBM3, sm_90, 132 multiprocessors, 79.1 GiB"
  std::string description() const;
  /// Why this library cannot run on it; empty if it can.
  std::string problem() const;
};

/// All devices of this machine. Throws Error(kDevice) saying why there is none.
std::vector<DeviceInfo> find_devices();

/// A device that can be used. Throws Error(kDevice).
DeviceInfo find_device(int index);

}  // namespace honeybee::cuda
