#include "cuda/cublaslt.h"

#include <dlfcn.h>

#include "core/error.h"
#include "cuda/library_places.h"

namespace honeybee::cuda::lt {
namespace {

// Declarations and structures of cublaslt.h hold from here on.
constexpr size_t kOldestVersion = 120000;

constexpr LibraryName kName{
    .variable = "HONEYBEE_CUBLASLT", .stem = "libcublasLt", .folders = {"lib64", "lib"}, .wheel = "cublas"};

// Takes the functions from an open library. Returns what is wrong with it, empty if nothing is.
std::string use(void* library, Search& search) {
  Functions functions;
  const char* missing = nullptr;
#define HB_CUBLASLT_LOOK_UP(name, result, parameters)                                            \
  functions.name = reinterpret_cast<decltype(functions.name)>(dlsym(library, "cublasLt" #name)); \
  if (functions.name == nullptr && missing == nullptr) missing = "cublasLt" #name;
  HB_CUBLASLT_FUNCTIONS(HB_CUBLASLT_LOOK_UP)
#undef HB_CUBLASLT_LOOK_UP
  if (missing != nullptr) return std::string("has no ") + missing;
  const size_t version = functions.GetVersion();
  if (version < kOldestVersion) return "is version " + std::to_string(version) + ", older than 12.0";
  search.functions = functions;
  search.version = version;
  search.path = file_of(reinterpret_cast<const void*>(functions.Matmul));
  return "";
}

Search look() {
  Search search;
  const std::string absent = use(RTLD_DEFAULT, search);
  if (absent.empty()) return search;
  search.tried.push_back("this process: " + absent);
  open_first(library_places(kName), [&](void* library) { return use(library, search); }, search.tried);
  return search;
}

}  // namespace

std::vector<std::string> Search::notes() const {
  if (!found()) {
    std::vector<std::string> lines = {"cuBLASLt 12 or 13 was not found; tried:"};
    lines.insert(lines.end(), tried.begin(), tried.end());
    return lines;
  }
  std::string number = std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
                       std::to_string(version % 100);
  return {"cuBLASLt " + number + ", " + path};
}

const Search& search() {
  static const Search result = look();
  return result;
}

const Functions& functions() {
  const Search& result = search();
  if (!result.found()) {
    std::string places;
    for (const std::string& place : result.tried) places += "\n  " + place;
    fail(ErrorCode::kDevice,
         "cuBLASLt 12 or 13 was not found; install it (it comes with the CUDA toolkit and with PyTorch) or "
         "name its file in HONEYBEE_CUBLASLT. Tried:",
         places);
  }
  return result.functions;
}

void fail_cublaslt(Status status, const char* call, const char* file, int line) {
  const ErrorCode code = status == Status::kAllocFailed ? ErrorCode::kOutOfMemory : ErrorCode::kDevice;
  fail(code, "cuBLASLt: ", functions().GetStatusString(status), " in ", call, ", ", file, ":", line);
}

}  // namespace honeybee::cuda::lt
