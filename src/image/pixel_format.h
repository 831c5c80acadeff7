#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace honeybee {

/// Layouts of decoded pixels, rows packed without gaps.
enum class PixelFormat {
  kGray8,   // replicated to the three channels
  kGray16,  // native byte order; values above 255 become 255, as Pillow's conversion of mode I does
  kRgb8,
  kRgba8,  // alpha is dropped, not blended
  kCmyk8,  // 0 is no ink; Pillow's plain formula, no colour profile
};

/// "gray8", "gray16", "rgb8", "rgba8", "cmyk8". Throws Error(kImage) for any other name.
PixelFormat pixel_format(std::string_view name);

size_t bytes_per_pixel(PixelFormat format);

/// `pixels` pixels of `in` → `out` [pixels, 3].
void convert_to_rgb(const uint8_t* in, PixelFormat format, size_t pixels, uint8_t* out);

}  // namespace honeybee
