#include "core/backend_library.h"

#include <dlfcn.h>

#include <map>
#include <mutex>

namespace honeybee {
namespace {

template <class Function>
void find(void* library, const std::string& path, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  require(function != nullptr, ErrorCode::kDevice, path, " has no function ", name,
          ": it is no backend library of honeybee");
}

}  // namespace

const BackendLibrary& BackendLibrary::open(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<BackendLibrary>> libraries;
  const std::lock_guard lock(mutex);
  auto& library = libraries[path];
  if (library == nullptr) library.reset(new BackendLibrary(path));
  return *library;
}

BackendLibrary::BackendLibrary(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  require(library != nullptr, ErrorCode::kDevice, "cannot load ", path, ": ",
          library == nullptr ? dlerror() : "");
  const char* (*abi)() = nullptr;
  find(library, path, "honeybee_backend_abi", abi);
  const std::string theirs = abi();
  require(theirs == backend_abi(), ErrorCode::kDevice, path, " is of another build of honeybee (", theirs,
          ", this one is ", backend_abi(), "); build or install both from the same version");
  find(library, path, "honeybee_backend_devices", devices_);
  find(library, path, "honeybee_backend_notes", notes_);
  find(library, path, "honeybee_backend_make", make_);
}

const char* backend_abi() { return HONEYBEE_ABI; }

}  // namespace honeybee
