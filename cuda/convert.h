#pragma once
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// y = x rounded to y's dtype (to nearest, ties to even). x and y [rows, cols] of different floating dtypes;
/// strides may differ.
void convert(Cuda& cuda, const Tensor& x, const Tensor& y);

}  // namespace honeybee::cuda
