#pragma once
#include "cpu/isa.h"

namespace honeybee::cpu {

/// The instruction set that multiplies bf16 matrices fastest here. The flags of a processor do not tell:
/// vdpbf16ps is twice as fast as the float FMA on Zen 4 and half as fast on Xeons with AMX. So the candidates
/// run once per process, for about a millisecond.
Isa fastest_bf16_isa();

}  // namespace honeybee::cpu
