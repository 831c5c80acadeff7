#pragma once
#include <functional>
#include <string>
#include <vector>

namespace honeybee::cuda {

/// A library of CUDA that the backend opens if the machine has it.
struct LibraryName {
  const char* variable;    ///< of the environment: a file; nothing else is tried if it is set
  const char* stem;        ///< "libcublasLt", before ".so.13" and ".so.12"
  const char* folders[2];  ///< below a toolkit
  const char* wheel;       ///< folder of its Python package for CUDA 12, below "nvidia"
};

/// Where to look, in this order: the variable, CUDA_PATH and CUDA_HOME, the loader's own search
/// (LD_LIBRARY_PATH, ldconfig), /usr/local/cuda*, and the packages of Python beside the first python3 on
/// PATH, in VIRTUAL_ENV or CONDA_PREFIX, of the user, and of the system. Version 13 before 12.
std::vector<std::string> library_places(const LibraryName& name);

/// Opens these files in turn until `use` finds nothing wrong with one, which stays open as long as the
/// process lives: its functions are kept. Adds to `tried` why each of the others would not do. Whether one
/// was found.
bool open_first(const std::vector<std::string>& paths, const std::function<std::string(void* library)>& use,
                std::vector<std::string>& tried);

/// The file that a loaded function comes from.
std::string file_of(const void* function);

}  // namespace honeybee::cuda
