#include "core/bicubic_filters.h"
#include "cpu/ops.h"
#include "cpu/parallel.h"

namespace honeybee::cpu {
namespace {

constexpr int64_t kChannels = 3;

// One row of pixels to its new width.
void resize_row(const uint8_t* row, const BicubicFilters& columns, uint8_t* out) {
  const int32_t* const weights = columns.weights().data();
  for (int64_t x = 0; x < columns.outputs(); x++) {
    const uint8_t* const first = row + kChannels * columns.begin()[static_cast<size_t>(x)];
    for (int64_t c = 0; c < kChannels; c++) {
      int32_t sum = kWeightHalf;
      for (int64_t t = 0; t < columns.taps(); t++) {
        sum += weights[t * columns.outputs() + x] * first[t * kChannels + c];
      }
      *out++ = weighted_byte(sum);
    }
  }
}

// Row `y` of the result from rows of its width; `strip` is the first row that row 0 reads.
void blend_rows(const uint8_t* strip, int64_t width, const BicubicFilters& rows, int64_t y, uint8_t* out) {
  constexpr int64_t kSpan = 512;
  const int32_t* const weights = rows.weights().data() + y;
  strip += (rows.begin()[static_cast<size_t>(y)] - rows.first_input()) * width;
  for (int64_t begin = 0; begin < width; begin += kSpan) {
    const int64_t count = std::min(kSpan, width - begin);
    int32_t sums[kSpan];
    std::fill_n(sums, count, kWeightHalf);
    for (int64_t t = 0; t < rows.taps(); t++) {
      const uint8_t* const in = strip + t * width + begin;
      const int32_t weight = weights[t * rows.outputs()];
      for (int64_t x = 0; x < count; x++) sums[x] += weight * in[x];
    }
    for (int64_t x = 0; x < count; x++) out[begin + x] = weighted_byte(sums[x]);
  }
}

}  // namespace

void resize_bicubic(Cpu& cpu, const Tensor& image, const ResizePlan& plan, const Tensor& rgb) {
  const ImageWindow& window = plan.window;
  const BicubicFilters columns(plan.width, plan.resized_width, window.left, window.width);
  const BicubicFilters rows(plan.height, plan.resized_height, window.top, window.height);
  const int64_t width = kChannels * window.width;
  const int64_t first = rows.first_input();
  const int64_t strip_rows = rows.last_input() - first;
  auto* const strip = cpu.scratch.get<uint8_t>(0, strip_rows * width);
  for_each_row(cpu, strip_rows, width * columns.taps(),
               [&](int64_t r) { resize_row(image.row<uint8_t>(first + r), columns, strip + r * width); });
  for_each_row(cpu, window.height, width * rows.taps(),
               [&](int64_t y) { blend_rows(strip, width, rows, y, rgb.row<uint8_t>(0) + y * width); });
}

}  // namespace honeybee::cpu
