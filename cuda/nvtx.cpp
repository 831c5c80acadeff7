#include "cuda/nvtx.h"

#include <dlfcn.h>

#include <cstddef>
#include <cstdlib>

namespace honeybee::cuda {
namespace {

// What follows has the layout and the numbers of nvtxDetail/nvtxTypes.h, whose names are beside it.

using Function = void (*)();          // NvtxFunctionPointer
using FunctionTable = Function**;     // NvtxFunctionTable: where each function is kept, by its number
constexpr uint32_t kVersion = 3;      // NVTX_VERSION
constexpr uint32_t kCallbacks = 1;    // NVTX_ETID_CALLBACKS
constexpr uint32_t kVersionInfo = 3;  // NVTX_ETID_VERSIONINFO
constexpr int kCore = 1;              // NVTX_CB_MODULE_CORE
constexpr size_t kRangePushA = 9;     // NVTX_CBID_CORE_RangePushA
constexpr size_t kRangePop = 11;      // NVTX_CBID_CORE_RangePop

// NvtxExportTableCallbacks
struct Callbacks {
  size_t struct_size;
  int (*get_module_function_table)(int module, FunctionTable* table, unsigned* size);
};

// NvtxExportTableVersionInfo
struct VersionInfo {
  size_t struct_size;
  uint32_t version;
  uint32_t reserved;
  void (*set_injection_version)(uint32_t version);
};

// Functions are numbered from 1. Tools fill in those of every module (core, CUDA, OpenCL, CUDA runtime, core
// 2, synchronisation), and some refuse to start without one; two of them are called.
constexpr unsigned kModules = 7;
constexpr unsigned kSizes[kModules] = {0, 16, 9, 15, 7, 16, 7};
constexpr unsigned kMostFunctions = 16;

Function functions[kModules][kMostFunctions];
Function* tables[kModules][kMostFunctions + 1];  // nothing at 0 and behind the last

int get_module_function_table(int module, FunctionTable* table, unsigned* size) {
  if (module < kCore || module >= static_cast<int>(kModules)) return 0;
  if (table != nullptr) *table = tables[module];
  if (size != nullptr) *size = kSizes[module];
  return 1;
}

const void* get_export_table(uint32_t id) {
  static constexpr Callbacks kCallbackTable{sizeof(Callbacks), get_module_function_table};
  static constexpr VersionInfo kVersionTable{sizeof(VersionInfo), kVersion, 0, [](uint32_t) {}};
  if (id == kCallbacks) return &kCallbackTable;
  if (id == kVersionInfo) return &kVersionTable;
  return nullptr;
}

class NvtxRanges final : public Ranges {
 public:
  void push(const char* name) override {
    reinterpret_cast<int (*)(const char*)>(functions[kCore][kRangePushA])(name);
  }
  void pop() override { reinterpret_cast<int (*)()>(functions[kCore][kRangePop])(); }
};

// Whether a tool has taken the functions. One that cannot be loaded, or refuses, is none, as NVTX has it.
bool attach() {
  const char* path = std::getenv("NVTX_INJECTION64_PATH");
  if (path == nullptr) return false;
  // The tool stays open as long as the process lives.
  void* library = dlopen(path, RTLD_LAZY);
  if (library == nullptr) return false;
  const auto initialize =
      reinterpret_cast<int (*)(const void* (*)(uint32_t))>(dlsym(library, "InitializeInjectionNvtx2"));
  for (unsigned module = kCore; module < kModules; module++) {
    for (unsigned i = 1; i < kSizes[module]; i++) tables[module][i] = &functions[module][i];
  }
  if (initialize == nullptr || initialize(get_export_table) == 0) {
    dlclose(library);
    return false;
  }
  return functions[kCore][kRangePushA] != nullptr && functions[kCore][kRangePop] != nullptr;
}

}  // namespace

Ranges* nvtx_ranges() {
  static NvtxRanges ranges;
  static const bool attached = attach();
  return attached ? &ranges : nullptr;
}

}  // namespace honeybee::cuda
