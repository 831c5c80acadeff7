#include <cstdlib>
#include <filesystem>

#include "core/backend_library.h"
#include "cpu/cpu_backend.h"
#include "cpu/isa.h"
#include "testing.h"

namespace honeybee::testing {

namespace {

// A backend library beside this program, or where the environment says.
std::string library_path(const char* variable, const char* file) {
  if (const char* path = std::getenv(variable)) return path;
  const std::filesystem::path beside = std::filesystem::read_symlink("/proc/self/exe").parent_path() / file;
  return std::filesystem::exists(beside) ? beside.string() : "";
}

void add_library(std::vector<Device>& list, const std::string& path, const std::string& name) {
  if (path.empty()) return;
  const BackendLibrary& library = BackendLibrary::open(path);
  try {
    library.devices();
  } catch (const Error&) {
    return;  // built here, no GPU to run it
  }
  list.push_back(
      {name, [&library, name](int) { return library.make_backend({.name = name}); },
       [&library, name] { return library.make_backend({.name = name, .batch_invariant = true}); }});
}

}  // namespace

std::vector<Device> devices() {
  std::vector<Device> list;
  for (int i = 0; i < cpu::kIsaCount; i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    if (!cpu::isa_supported(isa)) continue;
    list.push_back({std::string("cpu/") + cpu::isa_name(isa),
                    [isa](int threads) { return make_cpu_backend({.threads = threads, .isa = isa}); },
                    [isa] { return make_cpu_backend({.threads = 2, .batch_invariant = true, .isa = isa}); }});
  }
  add_library(list, library_path("HONEYBEE_SIMT_LIBRARY", "honeybee-simt.so"), "simt");
  add_library(list, library_path("HONEYBEE_CUDA_LIBRARY", "honeybee-cuda.so"), "cuda:0");
  return list;
}

}  // namespace honeybee::testing
