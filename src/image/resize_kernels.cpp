#include "image/resize_kernels.h"

#include "core/error.h"
#include "image/resize_kernels_avx2.h"
#include "image/resize_kernels_avx512.h"
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

constexpr ResizeKernels kPortable = {horizontal_portable, vertical_portable, round_row};

}  // namespace

bool image_simd_available(ImageSimd simd) {
  if (simd == ImageSimd::kAvx2) return avx2_resize_kernels() != nullptr;
  return simd != ImageSimd::kAvx512 || avx512_resize_kernels() != nullptr;
}

const ResizeKernels& resize_kernels(ImageSimd simd) {
  require(image_simd_available(simd), ErrorCode::kOption,
          "image resize: vectors were asked for that this processor does not have");
  const bool any = simd == ImageSimd::kAuto;
  if (simd == ImageSimd::kAvx512 || (any && image_simd_available(ImageSimd::kAvx512)))
    return *avx512_resize_kernels();
  if (simd == ImageSimd::kAvx2 || (any && image_simd_available(ImageSimd::kAvx2)))
    return *avx2_resize_kernels();
  return kPortable;
}

}  // namespace honeybee
