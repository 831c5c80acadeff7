#include "cuda/library_places.h"

#include <dlfcn.h>
#include <glob.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace honeybee::cuda {
namespace {

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

}  // namespace

std::vector<std::string> library_places(const LibraryName& name) {
  if (const std::string file = environment(name.variable); !file.empty()) return {file};
  const std::string stem = name.stem;
  Paths paths;
  for (const char* variable : {"CUDA_PATH", "CUDA_HOME"}) {
    const std::string root = environment(variable);
    if (root.empty()) continue;
    for (const char* folder : name.folders) {
      for (const char* version : {".so.13", ".so.12"})
        paths.push_back(root + "/" + folder + "/" + stem + version);
    }
  }
  for (const char* version : {".so.13", ".so.12"}) paths.push_back(stem + version);
  for (const char* root : {"/usr/local/cuda/", "/usr/local/cuda-1[23]*/"})
    add_matches(paths, std::string(root) + name.folders[0] + "/" + stem + ".so.1[23]");
  for (const std::string& site : python_sites()) {
    add_matches(paths, site + "/nvidia/cu13/lib/" + stem + ".so.13");
    add_matches(paths, site + "/nvidia/" + name.wheel + "/lib/" + stem + ".so.1[23]");
  }
  return paths;
}

bool open_first(const Paths& paths, const std::function<std::string(void* library)>& use, Paths& tried) {
  for (const std::string& path : paths) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const std::string reason = dlerror();  // most begin with the path
      tried.push_back(reason.starts_with(path) ? reason : path + ": " + reason);
      continue;
    }
    const std::string problem = use(library);
    if (problem.empty()) return true;
    tried.push_back(path + ": " + problem);
    dlclose(library);
  }
  return false;
}

std::string file_of(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "this process";
}

}  // namespace honeybee::cuda
