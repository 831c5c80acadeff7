#include "support/device.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "core/backend_library.h"
#include "cpu/cpu_backend.h"

namespace honeybee::gpu {
namespace {

constexpr const char* kCuda = "cuda";

// The N of "cuda:N", 0 of "cuda"; -1 of anything else.
int cuda_index(const std::string& name) {
  if (name == kCuda) return 0;
  int index = -1;
  if (!name.starts_with("cuda:")) return -1;
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), index);
  return error == std::errc() && end == name.data() + name.size() ? index : -1;
}

const BackendLibrary& library_of(const std::string& name) {
  const bool simulator = name == "simt";
  require(simulator || cuda_index(name) >= 0, ErrorCode::kOption, "there is no device \"", name,
          "\"; known are cuda, cuda:N, simt and cpu");
  const char* const place = std::getenv(simulator ? "HONEYBEE_SIMT_LIBRARY" : "HONEYBEE_CUDA_LIBRARY");
  if (place != nullptr) return BackendLibrary::open(place);
  return BackendLibrary::open(program_folder() + (simulator ? "/honeybee-simt.so" : "/honeybee-cuda.so"));
}

BackendDevice find(const BackendLibrary& library, int index) {
  for (BackendDevice& device : library.devices()) {
    if (device.index != index) continue;
    require(device.problem.empty(), ErrorCode::kDevice, device.description, ": ", device.problem);
    return device;
  }
  fail(ErrorCode::kDevice, "there is no device ", index);
}

}  // namespace

OpenDevice open_device(const std::string& name) {
  if (name == "cpu") {
    auto backend = make_cpu_backend();
    const size_t memory = backend->free_memory();
    return {std::move(backend), memory};
  }
  const BackendLibrary& library = library_of(name);
  const int index = name == "simt" ? 0 : cuda_index(name);
  const size_t memory = find(library, index).memory;
  const std::string label = name == kCuda ? "cuda:0" : name;
  return {library.make_backend({.name = label, .index = index, .memory = 0}), memory};
}

std::string describe_device(const std::string& name) {
  if (name == "cpu") return make_cpu_backend()->description();
  return find(library_of(name), name == "simt" ? 0 : cuda_index(name)).description;
}

std::string program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

}  // namespace honeybee::gpu
