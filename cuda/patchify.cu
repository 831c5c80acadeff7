#include "cuda/chunk.h"
#include "cuda/ops.h"
#include "device/launch.h"

namespace honeybee::cuda {
namespace {

constexpr int kThreads = 256;

// values[channel] without an address, which would put a copy of the parameter into local memory.
__device__ __forceinline__ float of_channel(const float (&values)[3], int channel) {
  return channel == 0 ? values[0] : channel == 1 ? values[1] : values[2];
}

}  // namespace

// patches[item · G² + gy · G + gx, (c · p + py) · p + px] = (rgb[item, gy · p + py, gx · p + px, c] / 255 -
// mean[c]) / std[c], G = size / p; rgb u8 [batch, size · size · 3], patches T [batch · G², 3 · p · p].
// ViT-L/14: 224 or 336 px, p = 14: reads 0.15 or 0.34 MB, writes 0.3 or 0.68 MB an image in bf16: the launch
// decides. A block writes 256 neighbouring values of a patch, so that writes are whole lines; reads go three
// bytes apart.
template <class T>
__global__ void __launch_bounds__(kThreads)
    patchify_kernel(Rows<const uint8_t> rgb, PixelScale scale, int size, int patch, int64_t rows,
                    Rows<T> patches) {
  const int col = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (col >= 3 * patch * patch) return;
  const int side = size / patch;
  const int channel = col / (patch * patch);
  const int py = col / patch % patch;
  const int px = col % patch;
  const float mean = of_channel(scale.mean, channel);
  const float std = of_channel(scale.std, channel);
  for (int64_t row = blockIdx.y; row < rows; row += gridDim.y) {
    const auto cell = static_cast<int>(row % (side * side));
    const int64_t pixel = static_cast<int64_t>(cell / side * patch + py) * size + cell % side * patch + px;
    const float value = static_cast<float>(rgb.row(row / (side * side))[pixel * 3 + channel]);
    patches.row(row)[col] = from_float<T>((value / 255.0f - mean) / std);
  }
}

void patchify(Cuda& cuda, const Tensor& rgb, const PixelScale& scale, int64_t image_size, int64_t patch,
              const Tensor& patches) {
  with_type(patches.dtype, [&]<class T>() {
    launch(patchify_kernel<T>, row_grid(patches.rows, patches.cols, kThreads), kThreads, 0, cuda.stream,
           Rows<const uint8_t>(rgb), scale, static_cast<int>(image_size), static_cast<int>(patch),
           patches.rows, Rows<T>(patches));
  });
}

}  // namespace honeybee::cuda
