#include "image/resize_kernels_avx2.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "core/bicubic_axis.h"
#include "image/resize_scalar.h"

#define HONEYBEE_AVX2 __attribute__((target("avx2")))

namespace honeybee {
namespace {

constexpr int kLoadBytes = 16;
constexpr int kBlockBytes = 3 * WeightBlock::kTaps;

/// (high << 11) + low: the sums of the two halves of the weights put together again, modulo 2^32.
HONEYBEE_AVX2 __m256i join(__m256i high, __m256i low) {
  return _mm256_add_epi32(_mm256_slli_epi32(high, WeightBlock::kSplitBits), low);
}

HONEYBEE_AVX2 __m256i broadcast_taps(const int16_t* taps) {
  int64_t four;
  std::memcpy(&four, taps, sizeof four);
  return _mm256_set1_epi64x(four);
}

/// Two rows at once: each 128-bit lane holds four pixels of its row, spread to 16 bits as RRRRGGGG and
/// BBBB0000.
HONEYBEE_AVX2 void resize_two_pixels(const uint8_t* row0, const uint8_t* row1, const ColumnTaps& column,
                                     uint8_t* out0, uint8_t* out1) {
  const __m256i red_green = _mm256_setr_epi8(0, -1, 3, -1, 6, -1, 9, -1, 1, -1, 4, -1, 7, -1, 10, -1,  //
                                             0, -1, 3, -1, 6, -1, 9, -1, 1, -1, 4, -1, 7, -1, 10, -1);
  const __m256i blue_only = _mm256_setr_epi8(2, -1, 5, -1, 8, -1, 11, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                             2, -1, 5, -1, 8, -1, 11, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  __m256i red_green_high = _mm256_setzero_si256();
  __m256i red_green_low = _mm256_setzero_si256();
  __m256i blue_high = _mm256_setzero_si256();
  __m256i blue_low = _mm256_setzero_si256();
  const uint8_t* in0 = row0 + ptrdiff_t{3} * column.begin;
  const uint8_t* in1 = row1 + ptrdiff_t{3} * column.begin;
  for (int b = 0; b < column.blocks; ++b, in0 += kBlockBytes, in1 += kBlockBytes) {
    const __m128i lane0 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in0));
    const __m128i lane1 = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in1));
    const __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(lane0), lane1, 1);
    const __m256i rg = _mm256_shuffle_epi8(pixels, red_green);
    const __m256i blue = _mm256_shuffle_epi8(pixels, blue_only);
    const __m256i high = broadcast_taps(column.weights[b].high);
    const __m256i low = broadcast_taps(column.weights[b].low);
    red_green_high = _mm256_add_epi32(red_green_high, _mm256_madd_epi16(rg, high));
    red_green_low = _mm256_add_epi32(red_green_low, _mm256_madd_epi16(rg, low));
    blue_high = _mm256_add_epi32(blue_high, _mm256_madd_epi16(blue, high));
    blue_low = _mm256_add_epi32(blue_low, _mm256_madd_epi16(blue, low));
  }
  // Pairs (r, r, g, g) and (b, b, 0, 0) of each lane add up to (r, g, b, 0).
  __m256i sums = _mm256_hadd_epi32(join(red_green_high, red_green_low), join(blue_high, blue_low));
  sums = _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(kWeightHalf)), kWeightBits);
  const __m256i words = _mm256_packs_epi32(sums, sums);
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const int pixel0 = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes));
  const int pixel1 = _mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
  std::memcpy(out0, &pixel0, 3);
  std::memcpy(out1, &pixel1, 3);
}

HONEYBEE_AVX2 void horizontal_avx2(const uint8_t* in, ptrdiff_t in_stride, ptrdiff_t readable, int rows,
                                   const ColumnTaps* taps, int columns, uint8_t* out, ptrdiff_t out_stride) {
  for (int y = 0; y < rows; y += 2) {
    const int second = y + 1 < rows ? y + 1 : y;  // an odd last row is its own partner
    for (int x = 0; x < columns; ++x) {
      const ColumnTaps& column = taps[x];
      uint8_t* out0 = out + y * out_stride + ptrdiff_t{3} * x;
      uint8_t* out1 = out + second * out_stride + ptrdiff_t{3} * x;
      const ptrdiff_t last_load =
          second * in_stride + ptrdiff_t{3} * column.begin + ptrdiff_t{kBlockBytes} * (column.blocks - 1);
      if (last_load + kLoadBytes <= readable) {
        resize_two_pixels(in + y * in_stride, in + second * in_stride, column, out0, out1);
      } else {
        resize_pixel(in + y * in_stride, column, out0);
        resize_pixel(in + second * in_stride, column, out1);
      }
    }
  }
}

/// Sixteen bytes of every row; bytes of two rows are interleaved so that one multiply-add takes both.
HONEYBEE_AVX2 void accumulate_sixteen(const uint8_t* in, ptrdiff_t stride, int rows,
                                      const WeightBlock* weights, int32_t* accumulators) {
  __m256i first_high = _mm256_setzero_si256();
  __m256i first_low = _mm256_setzero_si256();
  __m256i second_high = _mm256_setzero_si256();
  __m256i second_low = _mm256_setzero_si256();
  for (int t = 0; t < rows; t += 2) {
    const uint8_t* row = in + t * stride;
    const uint8_t* next = t + 1 < rows ? row + stride : row;  // its weight is zero then
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row));
    const __m128i b = _mm_loadu_si128(reinterpret_cast<const __m128i*>(next));
    const __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    const __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    const WeightBlock& block = weights[t / WeightBlock::kTaps];
    int32_t pair;
    std::memcpy(&pair, &block.high[t % WeightBlock::kTaps], sizeof pair);
    const __m256i high = _mm256_set1_epi32(pair);
    std::memcpy(&pair, &block.low[t % WeightBlock::kTaps], sizeof pair);
    const __m256i low = _mm256_set1_epi32(pair);
    first_high = _mm256_add_epi32(first_high, _mm256_madd_epi16(first, high));
    first_low = _mm256_add_epi32(first_low, _mm256_madd_epi16(first, low));
    second_high = _mm256_add_epi32(second_high, _mm256_madd_epi16(second, high));
    second_low = _mm256_add_epi32(second_low, _mm256_madd_epi16(second, low));
  }
  auto* out = reinterpret_cast<__m256i*>(accumulators);
  _mm256_storeu_si256(out, _mm256_add_epi32(_mm256_loadu_si256(out), join(first_high, first_low)));
  _mm256_storeu_si256(out + 1, _mm256_add_epi32(_mm256_loadu_si256(out + 1), join(second_high, second_low)));
}

HONEYBEE_AVX2 void vertical_avx2(const uint8_t* in, ptrdiff_t stride, int rows, const WeightBlock* weights,
                                 int32_t* accumulators, int width) {
  int x = 0;
  for (; x + kLoadBytes <= width; x += kLoadBytes) {
    accumulate_sixteen(in + x, stride, rows, weights, accumulators + x);
  }
  for (int t = 0; t < rows; ++t) {
    const auto weight = static_cast<int32_t>(weights[t / 4].times(t % 4, 1));
    accumulate_row(in + t * stride + x, weight, accumulators + x, width - x);
  }
}

/// Narrowing saturates, which is the clamp to a byte.
HONEYBEE_AVX2 void round_avx2(const int32_t* accumulators, uint8_t* bytes, int width) {
  const auto shifted = [&](int x) HONEYBEE_AVX2 {
    return _mm_srai_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(accumulators + x)), kWeightBits);
  };
  int x = 0;
  for (; x + kLoadBytes <= width; x += kLoadBytes) {
    const __m128i low = _mm_packs_epi32(shifted(x), shifted(x + 4));
    const __m128i high = _mm_packs_epi32(shifted(x + 8), shifted(x + 12));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + x), _mm_packus_epi16(low, high));
  }
  round_row(accumulators + x, bytes + x, width - x);
}

constexpr ResizeKernels kAvx2 = {horizontal_avx2, vertical_avx2, round_avx2};

}  // namespace

const ResizeKernels* avx2_resize_kernels() {
  static const bool available = __builtin_cpu_supports("avx2");
  return available ? &kAvx2 : nullptr;
}

}  // namespace honeybee

#else

namespace honeybee {

const ResizeKernels* avx2_resize_kernels() { return nullptr; }

}  // namespace honeybee

#endif
