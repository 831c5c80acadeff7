#pragma once
#include <cstdint>

#include "core/resize_plan.h"
#include "image/cancel.h"
#include "image/resize_kernels.h"

namespace honeybee {

/// Antialiased bicubic resize, equal to the bit to Pillow 10.2 to 12.3: horizontal pass first, each pass
/// rounded to bytes, weights in 22-bit fixed point; a pass that changes nothing is skipped. `rgb` is [height,
/// width, 3], `out` is [window.height, window.width, 3]; they must not overlap. Needs memory for a band of
/// rows and an accumulator per value of the output rows that share an input row, however large the input.
/// Throws Error(kImage) if a side is not positive or the window leaves the resized picture, and Cancelled
/// once `cancelled` (may be null) is set.
void resize_bicubic(const uint8_t* rgb, const ResizePlan& plan, uint8_t* out,
                    ImageSimd simd = ImageSimd::kAuto, const CancelFlag* cancelled = nullptr);

/// The squash of a whole picture: `rgb` [height, width, 3] → `out` [out_height, out_width, 3].
void resize_bicubic(const uint8_t* rgb, int width, int height, int out_width, int out_height, uint8_t* out);

}  // namespace honeybee
