#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kStrip = 6;  // neighbouring cells that a thread computes

}  // namespace

// y[i, j] = Σ weight[ky · 3 + kx] · x[i + ky - 1, j + kx - 1] per channel, zeros outside; x, y T [batch · H ·
// W, cols], weight f32 [9, cols]. C-Abstractor: 24×24 or 16×16 (before pooling) and 12×12 … 16×16 (behind
// it), 1024 channels: x once, y once, 2.4 MB an image in bf16: 0.5 µs on an H200; 9 multiply-adds a value are
// nothing beside it. A block is 128 channels; a thread walks a strip of 6 cells along the width and keeps the
// three columns around it in registers, so that a value is loaded 3 times (from L1 and L2 but for the first)
// and not 9 times.
template <class T>
__global__ void __launch_bounds__(kThreads)
    depthwise_conv3x3_kernel(Rows<T> x, const float* weight, int height, int width, Rows<T> y, int64_t strips,
                             int64_t cols) {
  const int64_t c = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c >= cols) return;
  float filter[3][3];
  for (int ky = 0; ky < 3; ky++) {
    for (int kx = 0; kx < 3; kx++) filter[ky][kx] = weight[(ky * 3 + kx) * cols + c];
  }
  const int strips_per_row = (width + kStrip - 1) / kStrip;
  for (int64_t strip = blockIdx.y; strip < strips; strip += gridDim.y) {
    const int64_t line = strip / strips_per_row;  // over the rows of all grids
    const auto i = static_cast<int>(line % height);
    const int begin = static_cast<int>(strip % strips_per_row) * kStrip;
    const int64_t first_cell = line / height * height * width;
    const auto value = [&](int row, int column) {
      if (row < 0 || row >= height || column < 0 || column >= width) return 0.0f;
      return to_float(x.row(first_cell + static_cast<int64_t>(row) * width + column)[c]);
    };
    float left[3];
    float middle[3];
    for (int ky = 0; ky < 3; ky++) {
      left[ky] = value(i + ky - 1, begin - 1);
      middle[ky] = value(i + ky - 1, begin);
    }
    for (int j = begin; j < begin + kStrip && j < width; j++) {
      float sum = 0.0f;
      for (int ky = 0; ky < 3; ky++) {
        const float right = value(i + ky - 1, j + 1);
        sum += filter[ky][0] * left[ky] + filter[ky][1] * middle[ky] + filter[ky][2] * right;
        left[ky] = middle[ky];
        middle[ky] = right;
      }
      y.row(first_cell + static_cast<int64_t>(i) * width + j)[c] = from_float<T>(sum);
    }
  }
}

void depthwise_conv3x3(Cuda& cuda, const Tensor& x, const Tensor& weight, Grid grid, const Tensor& y) {
  const int64_t strips = x.rows / grid.width * ((grid.width + kStrip - 1) / kStrip);
  with_type(x.dtype, [&]<class T>() {
    launch(depthwise_conv3x3_kernel<T>, row_grid(strips, x.cols, kThreads), kThreads, 0, cuda.stream,
           Rows<T>(x), weight.row<float>(0), static_cast<int>(grid.height), static_cast<int>(grid.width),
           Rows<T>(y), strips, x.cols);
  });
}

}  // namespace honeybee::cuda
