#include <algorithm>
#include <bit>

#include "core/bicubic_filters.h"
#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "cuda/staging.h"
#include "device/launch.h"

namespace honeybee::cuda {
/// BicubicFilters on the device.
struct Filters {
  const int32_t* begin;    ///< [outputs]
  const int32_t* weights;  ///< [taps, outputs]
  int64_t taps;
  int64_t outputs;
};

namespace {

constexpr int kThreads = 128;
constexpr int kRows = 4;  // that a thread of the horizontal pass takes at once, with one load of a weight
constexpr int64_t kChannels = 3;
constexpr int kFilterScratch = 0;
constexpr int kStripScratch = 1;

// Scratch memory in powers of two: pictures come in all sizes, and each time it grows recordings are lost.
template <class T>
T* rounded_scratch(Cuda& cuda, int slot, int64_t count) {
  return static_cast<T*>(cuda.scratch(slot, std::bit_ceil(static_cast<size_t>(count) * sizeof(T))));
}

Filters upload(Cuda& cuda, const BicubicFilters& filters, int32_t* target) {
  const size_t bytes = filters.table().size_bytes();
  cuda.staging->upload(target, bytes, filters.table().data(), bytes, 1);
  return {target, target + filters.outputs(), filters.taps(), filters.outputs()};
}

}  // namespace

// strip[r, x, c] = byte of (2^21 + Σ over taps t of weights[t, x] · image[r, begin[x] + t, c]) >> 22, the
// horizontal pass of Pillow's resize; image u8 [rows, width · 3], strip u8 [rows, outputs · 3].
// 640×480 → 224: 12 taps; reads 0.92 MB, writes 0.32 MB: 0.3 µs on an H200, below what a launch takes; the
// picture took 17 µs over the bus. A photo of 4000×3000: 72 taps, 36 MB read, 8 µs, and 145 M multiply-adds
// on bytes from L1, which cost more. A thread computes one channel of a column in 4 rows, so neighbouring
// threads read neighbouring bytes and a weight is loaded once for 4 products.
__global__ void __launch_bounds__(kThreads)
    resize_columns_kernel(Rows<const uint8_t> image, Filters filters, int64_t rows, uint8_t* strip) {
  const int64_t x = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (x >= filters.outputs * kChannels) return;
  const int64_t column = x / kChannels;
  const int64_t first_byte = filters.begin[column] * kChannels + x % kChannels;
  for (int64_t first = static_cast<int64_t>(blockIdx.y) * kRows; first < rows;
       first += static_cast<int64_t>(gridDim.y) * kRows) {
    const uint8_t* bytes[kRows];
    int32_t sums[kRows];
#pragma unroll
    for (int i = 0; i < kRows; i++) {
      const int64_t row = first + i < rows ? first + i : rows - 1;
      bytes[i] = image.row(row) + first_byte;
      sums[i] = kWeightHalf;
    }
    for (int64_t t = 0; t < filters.taps; t++) {
      const int32_t weight = filters.weights[t * filters.outputs + column];
#pragma unroll
      for (int i = 0; i < kRows; i++) sums[i] += weight * bytes[i][t * kChannels];
    }
#pragma unroll
    for (int i = 0; i < kRows; i++) {
      if (first + i < rows) strip[(first + i) * filters.outputs * kChannels + x] = weighted_byte(sums[i]);
    }
  }
}

// rgb[y, x] = byte of (2^21 + Σ over taps t of weights[t, y] · strip[begin[y] - first + t, x]) >> 22, the
// vertical pass over rows of `width` bytes; strip u8 [rows, width] begins at row `first` of the picture, rgb
// u8 [outputs, width].
// 640×480 → 224: 9 taps; reads 0.32 MB, which the horizontal pass left in L2, writes 0.15 MB: the launch
// decides. A thread computes one byte; the weight is the same for a whole block.
__global__ void __launch_bounds__(kThreads)
    resize_rows_kernel(const uint8_t* strip, Filters filters, int64_t first, int64_t width, uint8_t* rgb) {
  const int64_t x = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (x >= width) return;
  for (int64_t y = blockIdx.y; y < filters.outputs; y += gridDim.y) {
    const uint8_t* const bytes = strip + (filters.begin[y] - first) * width + x;
    int32_t sum = kWeightHalf;
    for (int64_t t = 0; t < filters.taps; t++) {
      sum += filters.weights[t * filters.outputs + y] * bytes[t * width];
    }
    rgb[y * width + x] = weighted_byte(sum);
  }
}

void resize_bicubic(Cuda& cuda, const Tensor& image, const ResizePlan& plan, const Tensor& rgb) {
  const ImageWindow& window = plan.window;
  const BicubicFilters columns(plan.width, plan.resized_width, window.left, window.width);
  const BicubicFilters rows(plan.height, plan.resized_height, window.top, window.height);
  const int64_t width = kChannels * window.width;
  const int64_t first = rows.first_input();
  const int64_t strip_rows = rows.last_input() - first;
  // The stream keeps the order: the filters of the second pass take the place of those of the first.
  const size_t table_size = std::max(columns.table().size(), rows.table().size());
  auto* const table = rounded_scratch<int32_t>(cuda, kFilterScratch, static_cast<int64_t>(table_size));
  auto* const strip = rounded_scratch<uint8_t>(cuda, kStripScratch, strip_rows * width);

  const int64_t strips = (strip_rows + kRows - 1) / kRows;
  launch(resize_columns_kernel, row_grid(strips, width, kThreads), kThreads, 0, cuda.stream,
         Rows<const uint8_t>(image.row_range(first, strip_rows)), upload(cuda, columns, table), strip_rows,
         strip);
  launch(resize_rows_kernel, row_grid(window.height, width, kThreads), kThreads, 0, cuda.stream, strip,
         upload(cuda, rows, table), first, width, rgb.row<uint8_t>(0));
}

}  // namespace honeybee::cuda
