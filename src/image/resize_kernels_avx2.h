#pragma once
#include "image/resize_kernels.h"

namespace honeybee {

/// The AVX2 loops, or null where the compiler's target or the processor lacks them.
const ResizeKernels* avx2_resize_kernels();

}  // namespace honeybee
