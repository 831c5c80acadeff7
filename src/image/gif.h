#pragma once
#include <cstdint>
#include <span>

#include "image/palette.h"

namespace honeybee {

/// The first frame of a GIF and the canvas it lies on; canvas sides are positive.
struct GifHeader {
  int width = 0;  // of the canvas: the logical screen, enlarged to hold the frame
  int height = 0;
  int left = 0;
  int top = 0;
  int frame_width = 0;
  int frame_height = 0;
  bool interlaced = false;
  uint8_t background = 0;  // index of what the frame does not cover
  Palette palette;
  size_t data_offset = 0;  // of the LZW minimum code size
};

/// Reads up to the first frame. Throws Error(kImage) if the file ends before it.
GifHeader read_gif_header(std::span<const uint8_t> file);

/// Decodes the first frame to `out` [height, width, 3]. Transparent pixels keep the colour of their index; a
/// stream that is cut off or broken leaves the background, as with Pillow's LOAD_TRUNCATED_IMAGES.
void decode_gif(std::span<const uint8_t> file, const GifHeader& header, uint8_t* out);

}  // namespace honeybee
