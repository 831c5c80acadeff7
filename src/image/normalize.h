#pragma once
#include <array>
#include <cstdint>

namespace honeybee {

/// Per-channel constants of the normalisation, in RGB order.
struct ImageNormalization {
  std::array<float, 3> mean;
  std::array<float, 3> deviation;
};

/// OpenAI CLIP's constants, which every released Honeybee model uses.
inline constexpr ImageNormalization kClipNormalization = {{0.48145466F, 0.4578275F, 0.40821073F},
                                                          {0.26862954F, 0.26130258F, 0.27577711F}};

/// (x / 255 - mean) / deviation in float32: `rgb` [height, width, 3] bytes → `out` [3, height, width].
/// Division by division, as torchvision's ToTensor and Normalize do it, so that every bit agrees.
void normalize_image(const uint8_t* rgb, int width, int height, const ImageNormalization& normalization,
                     float* out);

}  // namespace honeybee
