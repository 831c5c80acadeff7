#include "image/normalize.h"

#include <cstddef>

namespace honeybee {

void normalize_image(const uint8_t* rgb, int width, int height, const ImageNormalization& normalization,
                     float* out) {
  const ptrdiff_t pixels = ptrdiff_t{width} * height;
  for (int channel = 0; channel < 3; ++channel) {
    float table[256];
    for (int value = 0; value < 256; ++value) {
      const float unit = static_cast<float>(value) / 255.0F;
      table[value] = (unit - normalization.mean[channel]) / normalization.deviation[channel];
    }
    float* plane = out + channel * pixels;
    for (ptrdiff_t i = 0; i < pixels; ++i) plane[i] = table[rgb[3 * i + channel]];
  }
}

}  // namespace honeybee
