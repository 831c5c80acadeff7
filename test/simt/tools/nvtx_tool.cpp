// Stands for Nsight: a tool that NVTX_INJECTION64_PATH names. It appends a line for each range that opens or
// closes, "THREAD push NAME" or "THREAD pop", to the file that HONEYBEE_TOOL_LOG names, and "THREAD attached"
// first. HONEYBEE_TOOL_REFUSES makes it refuse to start. Written from the rules of NVTX's headers for tools,
// without those of the backend: it asks for every module, as tools do.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace {

using Pointer = void (*)();

struct CallbackTable {
  size_t struct_size;
  int (*GetModuleFunctionTable)(int32_t module, Pointer*** table, uint32_t* size);
};

struct VersionTable {
  size_t struct_size;
  uint32_t version;
  uint32_t reserved0;
  void (*SetInjectionNvtxVersion)(uint32_t version);
};

void log(const char* what, const char* name) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static FILE* const file = std::fopen(std::getenv("HONEYBEE_TOOL_LOG"), "a");
  std::fprintf(file, "%d %s%s\n", static_cast<int>(gettid()), what, name);
  std::fflush(file);
}

thread_local int depth = 0;

int push(const char* name) {
  log("push ", name);
  return depth++;
}

int pop() {
  log("pop", "");
  return --depth;
}

enum { kCore = 1, kModules = 7, kPushA = 9, kPop = 11, kTableCallbacks = 1, kTableVersion = 3 };

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    const void* (*get_export_table)(uint32_t id)) {
  if (std::getenv("HONEYBEE_TOOL_REFUSES") != nullptr) return 0;
  const auto* version = static_cast<const VersionTable*>(get_export_table(kTableVersion));
  const auto* callbacks = static_cast<const CallbackTable*>(get_export_table(kTableCallbacks));
  if (version == nullptr || callbacks == nullptr || get_export_table(0) != nullptr) return 0;
  if (version->struct_size < sizeof(VersionTable) || callbacks->struct_size < sizeof(CallbackTable)) return 0;
  version->SetInjectionNvtxVersion(3);
  // One more than the highest number of each module in NVTX 3.
  const uint32_t expected[kModules] = {0, 16, 9, 15, 7, 16, 7};
  for (int32_t module = 1; module < kModules; module++) {
    Pointer** table = nullptr;
    uint32_t size = 0;
    if (callbacks->GetModuleFunctionTable(module, &table, &size) == 0 || size != expected[module]) return 0;
    // Other functions than the two in use are somebody else's: their places must be writable.
    for (uint32_t i = 1; i < size; i++) *table[i] = nullptr;
    if (module != kCore) continue;
    *table[kPushA] = reinterpret_cast<Pointer>(push);
    *table[kPop] = reinterpret_cast<Pointer>(pop);
  }
  Pointer** none = nullptr;
  if (callbacks->GetModuleFunctionTable(0, &none, nullptr) != 0) return 0;
  if (callbacks->GetModuleFunctionTable(kModules, &none, nullptr) != 0) return 0;
  log("attached", "");
  return 1;
}
