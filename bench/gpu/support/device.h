#pragma once
#include <memory>
#include <string>

#include "core/backend.h"

namespace honeybee::gpu {

/// A device that is ready to compute.
struct OpenDevice {
  std::unique_ptr<Backend> backend;
  size_t memory = 0;  ///< bytes that it has altogether
};

/// "cuda" or "cuda:N", "simt" (the simulator), "cpu". The libraries of the first two lie beside this program,
/// or where HONEYBEE_CUDA_LIBRARY and HONEYBEE_SIMT_LIBRARY say. Throws Error(kDevice) saying what is
/// missing, Error(kOption) for another name.
OpenDevice open_device(const std::string& name);

/// What is known about a device without starting it, "NVIDIA H200, sm_90, …". Throws as open_device does.
std::string describe_device(const std::string& name);

/// The folder of this program.
std::string program_folder();

}  // namespace honeybee::gpu
