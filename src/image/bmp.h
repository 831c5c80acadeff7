#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "image/palette.h"

namespace honeybee {

/// What the header of a BMP file says; sizes are positive.
struct BmpHeader {
  int width = 0;
  int height = 0;
  bool top_down = false;
  int bits_per_pixel = 0;           // 1, 4, 8 (palette), 16, 24 or 32
  bool run_length = false;          // RLE4 or RLE8
  std::array<uint32_t, 3> masks{};  // red, green, blue of 16 and 32 bits
  size_t pixel_offset = 0;
  Palette palette;
};

/// Reads OS/2 1.x and Windows headers (12, 40, 52, 56, 64, 108 and 124 bytes). Throws Error(kImage) for a
/// header that is cut off, has no pixels or says something no BMP reader knows; it touches no pixel.
BmpHeader read_bmp_header(std::span<const uint8_t> file);

/// Decodes to `out` [height, width, 3]. Rows missing from a cut file are black, or the first colour of the
/// palette, as with Pillow's LOAD_TRUNCATED_IMAGES.
void decode_bmp(std::span<const uint8_t> file, const BmpHeader& header, uint8_t* out);

}  // namespace honeybee
