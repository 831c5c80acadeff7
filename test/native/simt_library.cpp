#include "simt_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

namespace honeybee::testing {

namespace {

void* open_library() {
  std::filesystem::path path =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "honeybee-simt.so";
  if (const char* named = std::getenv("HONEYBEE_SIMT_LIBRARY")) path = named;
  if (!std::filesystem::exists(path)) return nullptr;
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  require(library, ErrorCode::kDevice, "cannot open the simulator: ", library ? "" : dlerror());
  return library;
}

}  // namespace

void* simt_symbol(const char* name) {
  static void* const library = open_library();
  if (!library) return nullptr;
  void* const symbol = dlsym(library, name);
  require(symbol, ErrorCode::kDevice, "the simulator lacks ", name);
  return symbol;
}

}  // namespace honeybee::testing
