#pragma once
#include <cstdint>

#include "image/cancel.h"
#include "image/resize_kernels.h"

namespace honeybee {

/// A rectangle of the resized picture, in its pixels.
struct ImageWindow {
  int left = 0;
  int top = 0;
  int width = 0;
  int height = 0;
};

/// A resize of `width`×`height` pixels to `resized_width`×`resized_height`, of which only `window` is kept.
struct ResizePlan {
  int width = 0;
  int height = 0;
  int resized_width = 0;
  int resized_height = 0;
  ImageWindow window;
};

/// The whole picture squashed to `out_width`×`out_height`; the aspect ratio is not kept (Honeybee's
/// processor).
ResizePlan squash(int width, int height, int out_width, int out_height);

/// The shorter side becomes `size`, the longer floor(size · long / short), and the centre `size`×`size` is
/// kept (the CLIP processor of transformers 4.38.1, which LLaVA-1.5 uses). Throws Error(kImage) if the longer
/// side would not fit an int.
ResizePlan shortest_edge_crop(int width, int height, int size);

/// Antialiased bicubic resize, equal to the bit to Pillow 10.2 to 12.3: horizontal pass first, each pass
/// rounded to bytes, weights in 22-bit fixed point; a pass that changes nothing is skipped. `rgb` is [height,
/// width, 3], `out` is [window.height, window.width, 3]; they must not overlap. Needs memory for a band of
/// rows and one accumulator per output value only, however large the input. Throws Error(kImage) if a side is
/// not positive or the window leaves the resized picture, and Cancelled once `cancelled` (may be null) is
/// set.
void resize_bicubic(const uint8_t* rgb, const ResizePlan& plan, uint8_t* out,
                    ImageSimd simd = ImageSimd::kAuto, const CancelFlag* cancelled = nullptr);

/// The squash of a whole picture: `rgb` [height, width, 3] → `out` [out_height, out_width, 3].
void resize_bicubic(const uint8_t* rgb, int width, int height, int out_width, int out_height, uint8_t* out);

}  // namespace honeybee
