#pragma once
#include "image/resize_kernels.h"

namespace honeybee {

/// The AVX-512 loops (with VNNI), or null where the compiler's target or the processor lacks them.
const ResizeKernels* avx512_resize_kernels();

}  // namespace honeybee
