#pragma once
#include "core/tensor.h"
#include "cpu/cpu.h"
#include "cpu/integer_matrix.h"

namespace honeybee::cpu {

/// y = x wᵀ (+ bias), or y += x wᵀ (+ bias), with each row of x rounded to 8 bits in units of 32 values. What
/// a row becomes depends on nothing but the row and the weight.
void integer_linear(Cpu& cpu, const Tensor& x, const IntegerMatrix& w, const Tensor* bias, const Tensor& y,
                    bool accumulate);

}  // namespace honeybee::cpu
