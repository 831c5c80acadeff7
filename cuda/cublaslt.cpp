#include "cuda/cublaslt.h"

#include <dlfcn.h>
#include <glob.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "core/error.h"

namespace honeybee::cuda::lt {
namespace {

// Declarations and structures of cublaslt.h hold from here on.
constexpr size_t kOldestVersion = 120000;

using Paths = std::vector<std::string>;

// The value of an environment variable, empty if it is not set.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The files that match, the newest version first.
void add_matches(Paths& paths, const std::string& pattern) {
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = found.gl_pathc; i > 0; i--) paths.emplace_back(found.gl_pathv[i - 1]);
  }
  globfree(&found);
}

// Of the first python3 on PATH: "…/bin/python3" → "…/lib/python3*/site-packages".
std::string python_on_path() {
  std::stringstream folders(environment("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty() && access((folder + "/python3").c_str(), X_OK) == 0)
      return folder + "/../lib/python3*/site-packages";
  }
  return "";
}

// Patterns of the folders that hold Python packages.
Paths python_sites() {
  Paths sites = {python_on_path()};
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const std::string root = environment(name); !root.empty())
      sites.push_back(root + "/lib/python3*/site-packages");
  }
  if (const std::string home = environment("HOME"); !home.empty())
    sites.push_back(home + "/.local/lib/python3*/site-packages");
  for (const char* site : {"/usr/local/lib/python3*/dist-packages", "/usr/local/lib/python3*/site-packages",
                           "/usr/lib/python3*/site-packages", "/opt/conda/lib/python3*/site-packages"})
    sites.push_back(site);
  std::erase(sites, "");
  return sites;
}

Paths candidates() {
  if (const std::string file = environment("HONEYBEE_CUBLASLT"); !file.empty()) return {file};
  Paths paths;
  for (const char* name : {"CUDA_PATH", "CUDA_HOME"}) {
    const std::string root = environment(name);
    if (root.empty()) continue;
    for (const char* folder : {"/lib64", "/lib"}) {
      for (const char* file : {"/libcublasLt.so.13", "/libcublasLt.so.12"})
        paths.push_back(root + folder + file);
    }
  }
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12"}) paths.push_back(name);
  for (const char* pattern :
       {"/usr/local/cuda/lib64/libcublasLt.so.1[23]", "/usr/local/cuda-1[23]*/lib64/libcublasLt.so.1[23]"})
    add_matches(paths, pattern);
  for (const std::string& site : python_sites()) {
    add_matches(paths, site + "/nvidia/cu13/lib/libcublasLt.so.13");
    add_matches(paths, site + "/nvidia/cublas/lib/libcublasLt.so.1[23]");
  }
  return paths;
}

// The file that a loaded function comes from.
std::string origin(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "this process";
}

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
  search.path = origin(reinterpret_cast<const void*>(functions.Matmul));
  return "";
}

Search look() {
  Search search;
  const std::string absent = use(RTLD_DEFAULT, search);
  if (absent.empty()) return search;
  search.tried.push_back("this process: " + absent);
  for (const std::string& path : candidates()) {
    // The library stays open as long as the process lives: its functions are kept.
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const std::string reason = dlerror();  // most begin with the path
      search.tried.push_back(reason.starts_with(path) ? reason : path + ": " + reason);
      continue;
    }
    const std::string problem = use(library, search);
    if (problem.empty()) return search;
    search.tried.push_back(path + ": " + problem);
    dlclose(library);
  }
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
