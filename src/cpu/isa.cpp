#include "cpu/isa.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "core/error.h"

namespace honeybee::cpu {
namespace {

// Linux grants the tile registers of AMX to a process that asks, once, for all its threads (arch_prctl(2)).
bool request_tiles() {
  constexpr int kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int kTileData = 18;               // XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
}

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512bf16";
    case Isa::kAmx:
      return "amx";
  }
  return "?";
}

bool isa_supported(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    case Isa::kAvx512:
      return isa_supported(Isa::kAvx2) && has_avx512();
    case Isa::kAvx512Bf16:
      return isa_supported(Isa::kAvx512) && __builtin_cpu_supports("avx512bf16") &&
             __builtin_cpu_supports("avx512vnni");
    case Isa::kAmx:
      return isa_supported(Isa::kAvx512Bf16) && __builtin_cpu_supports("amx-tile") &&
             __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-int8") && request_tiles();
  }
  return false;
}

Isa best_isa() {
  for (int i = kIsaCount - 1; i > 0; i--)
    if (isa_supported(static_cast<Isa>(i))) return static_cast<Isa>(i);
  return Isa::kPortable;
}

bool forced_isa(Isa& isa) {
  const char* name = std::getenv("HONEYBEE_ISA");
  if (name == nullptr || *name == '\0') return false;
  std::string supported;
  for (int i = 0; i < kIsaCount; i++) {
    const Isa candidate = static_cast<Isa>(i);
    if (!isa_supported(candidate)) continue;
    if (std::strcmp(name, isa_name(candidate)) == 0) {
      isa = candidate;
      return true;
    }
    supported += supported.empty() ? "" : ", ";
    supported += isa_name(candidate);
  }
  fail(ErrorCode::kOption, "HONEYBEE_ISA=", name, ": this machine runs ", supported,
       "; set one of these or unset it");
}

}  // namespace honeybee::cpu
