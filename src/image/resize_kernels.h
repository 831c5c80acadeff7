#pragma once
#include <cstddef>
#include <cstdint>

namespace honeybee {

/// Which implementation of the inner loops to use; all give the same bytes.
enum class ImageSimd { kAuto, kPortable, kAvx2, kAvx512 };

/// True if this build and this processor have it.
bool image_simd_available(ImageSimd simd);

/// The weights k of four neighbouring samples as k = high · 2^11 + low with 0 <= low < 2^11, so that a
/// product with a byte fits the 16-bit multiply-add of SIMD units.
struct WeightBlock {
  static constexpr int kTaps = 4;
  static constexpr int kSplitBits = 11;
  int16_t high[kTaps];
  int16_t low[kTaps];

  void set(int tap, int32_t weight) {
    high[tap] = static_cast<int16_t>(weight >> kSplitBits);
    low[tap] = static_cast<int16_t>(weight & ((1 << kSplitBits) - 1));
  }
  /// The product wraps on purpose: sums of it are taken modulo 2^32, as SIMD units do.
  uint32_t times(int tap, uint32_t byte) const {
    const int32_t weight = (int32_t{high[tap]} << kSplitBits) + low[tap];
    return static_cast<uint32_t>(weight) * byte;
  }
};

/// One output column of the horizontal pass: the input pixels from `begin` on, `taps` of them, against the
/// weights of `blocks` blocks (the last one filled up with zeros).
struct ColumnTaps {
  int begin;
  int taps;
  int blocks;
  const WeightBlock* weights;
};

/// The inner loops of a separable resize.
struct ResizeKernels {
  /// `rows` rows of RGB pixels, `in_stride` bytes apart → `columns` output pixels a row, `out_stride` bytes
  /// apart. `readable` is the number of bytes that may be read from `in` on.
  void (*horizontal)(const uint8_t* in, ptrdiff_t in_stride, ptrdiff_t readable, int rows,
                     const ColumnTaps* taps, int columns, uint8_t* out, ptrdiff_t out_stride);

  /// accumulators[x] += sum over t of weight(t) · in[t · stride + x] for `width` bytes x and `rows` rows t;
  /// weight(t) is tap t % 4 of block t / 4.
  void (*vertical)(const uint8_t* in, ptrdiff_t stride, int rows, const WeightBlock* weights,
                   int32_t* accumulators, int width);

  /// bytes[x] = weighted_byte(accumulators[x]) for `width` values.
  void (*round)(const int32_t* accumulators, uint8_t* bytes, int width);
};

/// The inner loops for `simd`; kAuto takes the best there is. Throws Error(kOption) if it is not available.
const ResizeKernels& resize_kernels(ImageSimd simd);

}  // namespace honeybee
