#include "image/pixel_format.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace honeybee {
namespace {

struct FormatRow {
  std::string_view name;
  PixelFormat format;
  size_t bytes;
};

constexpr FormatRow kFormats[] = {
    {"gray8", PixelFormat::kGray8, 1}, {"gray16", PixelFormat::kGray16, 2}, {"rgb8", PixelFormat::kRgb8, 3},
    {"rgba8", PixelFormat::kRgba8, 4}, {"cmyk8", PixelFormat::kCmyk8, 4},
};

void set_gray(uint8_t value, uint8_t* out) {
  out[0] = value;
  out[1] = value;
  out[2] = value;
}

/// round(a · b / 255) without a division, for bytes.
int multiply_bytes(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

void cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb) {
  const int white = 255 - cmyk[3];
  for (int channel = 0; channel < 3; ++channel) {
    rgb[channel] = static_cast<uint8_t>(std::clamp(white - multiply_bytes(cmyk[channel], white), 0, 255));
  }
}

}  // namespace

PixelFormat pixel_format(std::string_view name) {
  for (const FormatRow& row : kFormats) {
    if (row.name == name) return row.format;
  }
  fail(ErrorCode::kImage, "unknown pixel format '", name, "'; expected gray8, gray16, rgb8, rgba8 or cmyk8");
}

size_t bytes_per_pixel(PixelFormat format) { return kFormats[static_cast<size_t>(format)].bytes; }

void convert_to_rgb(const uint8_t* in, PixelFormat format, size_t pixels, uint8_t* out) {
  switch (format) {
    case PixelFormat::kGray8:
      for (size_t i = 0; i < pixels; ++i) set_gray(in[i], out + 3 * i);
      break;
    case PixelFormat::kGray16:
      for (size_t i = 0; i < pixels; ++i) {
        uint16_t value;
        std::memcpy(&value, in + 2 * i, sizeof value);
        set_gray(static_cast<uint8_t>(std::min<uint16_t>(value, 255)), out + 3 * i);
      }
      break;
    case PixelFormat::kRgb8:
      std::memcpy(out, in, 3 * pixels);
      break;
    case PixelFormat::kRgba8:
      for (size_t i = 0; i < pixels; ++i) std::copy_n(in + 4 * i, 3, out + 3 * i);
      break;
    case PixelFormat::kCmyk8:
      for (size_t i = 0; i < pixels; ++i) cmyk_to_rgb(in + 4 * i, out + 3 * i);
      break;
  }
}

}  // namespace honeybee
