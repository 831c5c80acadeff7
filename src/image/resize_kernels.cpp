#include "image/resize_kernels.h"

#include "core/error.h"
#include "image/resize_kernels_avx2.h"
#include "image/resize_scalar.h"

namespace honeybee {
namespace {

void horizontal_portable(const uint8_t* in, ptrdiff_t in_stride, ptrdiff_t /*readable*/, int rows,
                         const ColumnTaps* taps, int columns, uint8_t* out, ptrdiff_t out_stride) {
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      resize_pixel(in + y * in_stride, taps[x], out + y * out_stride + ptrdiff_t{3} * x);
    }
  }
}

void vertical_portable(const uint8_t* in, ptrdiff_t stride, int rows, const WeightBlock* weights,
                       int32_t* accumulators, int width) {
  for (int t = 0; t < rows; ++t) {
    const uint8_t* row = in + t * stride;
    const auto weight = static_cast<int32_t>(weights[t / 4].times(t % 4, 1));
    accumulate_row(row, weight, accumulators, width);
  }
}

constexpr ResizeKernels kPortable = {horizontal_portable, vertical_portable};

}  // namespace

bool image_simd_available(ImageSimd simd) {
  return simd != ImageSimd::kAvx2 || avx2_resize_kernels() != nullptr;
}

const ResizeKernels& resize_kernels(ImageSimd simd) {
  const ResizeKernels* avx2 = avx2_resize_kernels();
  if (simd == ImageSimd::kPortable) return kPortable;
  require(simd == ImageSimd::kAuto || avx2 != nullptr, ErrorCode::kOption,
          "image resize: AVX2 was asked for, but this processor does not have it");
  return avx2 != nullptr ? *avx2 : kPortable;
}

}  // namespace honeybee
