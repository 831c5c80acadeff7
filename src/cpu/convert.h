#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "cpu/isa.h"

namespace honeybee::cpu {

/// `count` values of `from` (f32, bf16 or f16) as values of `to`; source and target may not overlap. Between
/// the 16-bit dtypes by way of float, with one rounding.
void convert(Isa isa, Dtype from, const void* source, Dtype to, void* target, int64_t count);

}  // namespace honeybee::cpu
