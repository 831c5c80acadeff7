#include "core/backend.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace honeybee::cpu {
namespace {

constexpr int64_t kChannels = 3;

// One output row: patch × patch pixels of one image, channel-major.
void gather_patch(const uint8_t* pixels, int64_t image_size, int64_t patch, const float (*table)[256],
                  float* out) {
  for (int64_t c = 0; c < kChannels; c++) {
    for (int64_t row = 0; row < patch; row++) {
      const uint8_t* line = pixels + row * image_size * kChannels + c;
      for (int64_t col = 0; col < patch; col++) *out++ = table[c][line[col * kChannels]];
    }
  }
}

}  // namespace

void patchify(Cpu& cpu, const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
              const Tensor& patches) {
  require_f32("patchify", {&patches});
  // A byte has 256 values, so each is normalised once, by the operations of the image processor.
  float table[kChannels][256];
  for (int64_t c = 0; c < kChannels; c++) {
    for (int value = 0; value < 256; value++) {
      table[c][value] = (static_cast<float>(value) / 255.0f - scale.mean[c]) / scale.std[c];
    }
  }
  const int64_t side = image_size / patch;
  for_each_row(cpu, patches.rows, patches.cols, [&](int64_t r) {
    const int64_t cell = r % (side * side);
    const uint8_t* image = rgb.row<uint8_t>(r / (side * side));
    const int64_t first = cell / side * patch * image_size + cell % side * patch;
    gather_patch(image + first * kChannels, image_size, patch, table, patches.row<float>(r));
  });
}

}  // namespace honeybee::cpu
