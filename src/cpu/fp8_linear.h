#pragma once
#include "core/tensor.h"
#include "cpu/cpu.h"
#include "cpu/fp8_matrix.h"

namespace honeybee::cpu {

/// y = x wᵀ (+ bias), or y += x wᵀ (+ bias), multiplied like a bf16 weight: fp8 is exact in bf16.
void fp8_linear(Cpu& cpu, const Tensor& x, const Fp8Matrix& w, const Tensor* bias, const Tensor& y,
                bool accumulate);

}  // namespace honeybee::cpu
