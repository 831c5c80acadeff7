#pragma once
#include <cstdint>

namespace honeybee::cpu {

/// The instruction sets a kernel is compiled for, each a superset of the one before. kAvx2 includes FMA and
/// F16C; kAvx512 is F, BW, VL and DQ; kAvx512Bf16 adds BF16 and VNNI; kAmx adds tiles of bf16 and int8.
enum class Isa : uint8_t { kPortable, kAvx2, kAvx512, kAvx512Bf16, kAmx };

inline constexpr int kIsaCount = 5;

/// "portable", "avx2", "avx512", "avx512bf16", "amx": the values of HONEYBEE_ISA.
const char* isa_name(Isa isa);

/// Whether the processor has it and the operating system lets this process use it.
bool isa_supported(Isa isa);

/// The last supported one of the list.
Isa best_isa();

/// True and the value of the environment variable HONEYBEE_ISA when it is set. Throws Error(kOption) when it
/// names no instruction set or one this machine cannot run.
bool forced_isa(Isa& isa);

}  // namespace honeybee::cpu
