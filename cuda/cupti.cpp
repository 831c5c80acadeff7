#include "cuda/cupti.h"

#include <dlfcn.h>

#include "cuda/library_places.h"

namespace honeybee::cuda::cupti {
namespace {

constexpr uint32_t kOldestVersion = 19;  // CUDA 12.0; 13.0 has 130000
constexpr LibraryName kName{.variable = "HONEYBEE_CUPTI",
                            .stem = "libcupti",
                            .folders = {"extras/CUPTI/lib64", "lib64"},
                            .wheel = "cuda_cupti"};

// Takes the functions from an open library. Returns what is wrong with it, empty if nothing is.
std::string use(void* library, Search& search) {
  Functions functions;
  const char* missing = nullptr;
#define HB_CUPTI_LOOK_UP(name, parameters)                                                    \
  functions.name = reinterpret_cast<decltype(functions.name)>(dlsym(library, "cupti" #name)); \
  if (functions.name == nullptr && missing == nullptr) missing = "cupti" #name;
  HB_CUPTI_FUNCTIONS(HB_CUPTI_LOOK_UP)
#undef HB_CUPTI_LOOK_UP
  if (missing != nullptr) return std::string("has no ") + missing;
  uint32_t version = 0;
  if (functions.GetVersion(&version) != Status::kSuccess) return "does not tell its version";
  if (version < kOldestVersion)
    return "has version " + std::to_string(version) + " of its interface, older than that of CUDA 12.0";
  search.functions = functions;
  search.path = file_of(reinterpret_cast<const void*>(functions.GetVersion));
  return "";
}

}  // namespace

Search look(const std::vector<std::string>& paths) {
  Search search;
  open_first(paths, [&](void* library) { return use(library, search); }, search.tried);
  return search;
}

const Search& search() {
  static const Search result = look(library_places(kName));
  return result;
}

}  // namespace honeybee::cuda::cupti
