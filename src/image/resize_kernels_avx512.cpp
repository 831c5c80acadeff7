#include "image/resize_kernels_avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "core/bicubic_axis.h"
#include "image/resize_scalar.h"

#define HONEYBEE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

namespace honeybee {
namespace {

constexpr int kLanes = 4;  // rows of the horizontal pass at once, a 128-bit lane each
constexpr int kLaneBytes = 16;
constexpr int kBlockBytes = 3 * WeightBlock::kTaps;
constexpr int kVerticalBytes = 32;  // bytes of a row of the vertical pass at once

/// (high << 11) + low: the sums of the two halves of the weights put together again, modulo 2^32.
HONEYBEE_AVX512 __m512i join(__m512i high, __m512i low) {
  return _mm512_add_epi32(_mm512_slli_epi32(high, WeightBlock::kSplitBits), low);
}

HONEYBEE_AVX512 __m512i broadcast_taps(const int16_t* taps) {
  int64_t four;
  std::memcpy(&four, taps, sizeof four);
  return _mm512_set1_epi64(four);
}

HONEYBEE_AVX512 __m512i broadcast_pair(const int16_t* taps) {
  int32_t two;
  std::memcpy(&two, taps, sizeof two);
  return _mm512_set1_epi32(two);
}

HONEYBEE_AVX512 __m128i load_lane(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

HONEYBEE_AVX512 __m256i load_half(const uint8_t* bytes) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
}

/// The clamp to bytes of sums in units of 2^-22.
HONEYBEE_AVX512 __m128i round_sixteen(__m512i sums) {
  const __m512i shifted = _mm512_srai_epi32(sums, kWeightBits);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(shifted, _mm512_setzero_si512()));
}

/// Four rows at once: each lane holds four pixels of its row, spread to 16 bits as RRRRGGGG and BBBB0000.
/// Lane i of the result is (r, g, b, 0) of row i, in bytes.
HONEYBEE_AVX512 __m128i resize_four_pixels(const uint8_t* const rows[kLanes], const ColumnTaps& column) {
  const __m512i red_green =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 3, -1, 6, -1, 9, -1, 1, -1, 4, -1, 7, -1, 10, -1));
  const __m512i blue_only =
      _mm512_broadcast_i32x4(_mm_setr_epi8(2, -1, 5, -1, 8, -1, 11, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  __m512i red_green_high = _mm512_setzero_si512();
  __m512i red_green_low = _mm512_setzero_si512();
  __m512i blue_high = _mm512_setzero_si512();
  __m512i blue_low = _mm512_setzero_si512();
  ptrdiff_t at = ptrdiff_t{3} * column.begin;
  for (int b = 0; b < column.blocks; ++b, at += kBlockBytes) {
    const __m256i upper =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load_lane(rows[0] + at)), load_lane(rows[1] + at), 1);
    const __m256i lower =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load_lane(rows[2] + at)), load_lane(rows[3] + at), 1);
    const __m512i pixels = _mm512_inserti64x4(_mm512_castsi256_si512(upper), lower, 1);
    const __m512i rg = _mm512_shuffle_epi8(pixels, red_green);
    const __m512i blue = _mm512_shuffle_epi8(pixels, blue_only);
    const __m512i high = broadcast_taps(column.weights[b].high);
    const __m512i low = broadcast_taps(column.weights[b].low);
    red_green_high = _mm512_dpwssd_epi32(red_green_high, rg, high);
    red_green_low = _mm512_dpwssd_epi32(red_green_low, rg, low);
    blue_high = _mm512_dpwssd_epi32(blue_high, blue, high);
    blue_low = _mm512_dpwssd_epi32(blue_low, blue, low);
  }
  // Pairs (r, r, g, g) and (b, b, 0, 0) of each lane add up to (r, g, b, 0).
  const __m512 rg = _mm512_castsi512_ps(join(red_green_high, red_green_low));
  const __m512 blue = _mm512_castsi512_ps(join(blue_high, blue_low));
  const __m512i even = _mm512_castps_si512(_mm512_shuffle_ps(rg, blue, _MM_SHUFFLE(2, 0, 2, 0)));
  const __m512i odd = _mm512_castps_si512(_mm512_shuffle_ps(rg, blue, _MM_SHUFFLE(3, 1, 3, 1)));
  return round_sixteen(_mm512_add_epi32(_mm512_add_epi32(even, odd), _mm512_set1_epi32(kWeightHalf)));
}

HONEYBEE_AVX512 void horizontal_avx512(const uint8_t* in, ptrdiff_t in_stride, ptrdiff_t readable, int rows,
                                       const ColumnTaps* taps, int columns, uint8_t* out,
                                       ptrdiff_t out_stride) {
  for (int y = 0; y < rows; y += kLanes) {
    const uint8_t* in_rows[kLanes];
    uint8_t* out_rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const int row = std::min(y + lane, rows - 1);  // the last row fills up what is missing of four
      in_rows[lane] = in + row * in_stride;
      out_rows[lane] = out + row * out_stride;
    }
    for (int x = 0; x < columns; ++x) {
      const ColumnTaps& column = taps[x];
      const ptrdiff_t last_load = (in_rows[kLanes - 1] - in) + ptrdiff_t{3} * column.begin +
                                  ptrdiff_t{kBlockBytes} * (column.blocks - 1);
      if (last_load + kLaneBytes <= readable) {
        alignas(kLaneBytes) uint8_t pixels[kLaneBytes];
        _mm_store_si128(reinterpret_cast<__m128i*>(pixels), resize_four_pixels(in_rows, column));
        for (int lane = 0; lane < kLanes; ++lane)
          std::memcpy(out_rows[lane] + ptrdiff_t{3} * x, pixels + ptrdiff_t{4} * lane, 3);
      } else {
        for (int lane = 0; lane < kLanes; ++lane)
          resize_pixel(in_rows[lane], column, out_rows[lane] + ptrdiff_t{3} * x);
      }
    }
  }
}

/// Thirty-two bytes of every row; bytes of two rows are interleaved so that one multiply-add takes both.
HONEYBEE_AVX512 void accumulate_thirty_two(const uint8_t* in, ptrdiff_t stride, int rows,
                                           const WeightBlock* weights, int32_t* accumulators) {
  __m512i first_high = _mm512_setzero_si512();
  __m512i first_low = _mm512_setzero_si512();
  __m512i second_high = _mm512_setzero_si512();
  __m512i second_low = _mm512_setzero_si512();
  for (int t = 0; t < rows; t += 2) {
    const uint8_t* row = in + t * stride;
    const uint8_t* next = t + 1 < rows ? row + stride : row;  // its weight is zero then
    // Quarters 0, 2, 1, 3, so that interleaving within 128-bit lanes leaves bytes 0 to 15 in the lower half.
    const __m256i a = _mm256_permute4x64_epi64(load_half(row), _MM_SHUFFLE(3, 1, 2, 0));
    const __m256i b = _mm256_permute4x64_epi64(load_half(next), _MM_SHUFFLE(3, 1, 2, 0));
    const __m512i first = _mm512_cvtepu8_epi16(_mm256_unpacklo_epi8(a, b));
    const __m512i second = _mm512_cvtepu8_epi16(_mm256_unpackhi_epi8(a, b));
    const WeightBlock& block = weights[t / WeightBlock::kTaps];
    const __m512i high = broadcast_pair(&block.high[t % WeightBlock::kTaps]);
    const __m512i low = broadcast_pair(&block.low[t % WeightBlock::kTaps]);
    first_high = _mm512_dpwssd_epi32(first_high, first, high);
    first_low = _mm512_dpwssd_epi32(first_low, first, low);
    second_high = _mm512_dpwssd_epi32(second_high, second, high);
    second_low = _mm512_dpwssd_epi32(second_low, second, low);
  }
  const auto add = [](int32_t* out, __m512i sums) HONEYBEE_AVX512 {
    _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), sums));
  };
  add(accumulators, join(first_high, first_low));
  add(accumulators + 16, join(second_high, second_low));
}

HONEYBEE_AVX512 void vertical_avx512(const uint8_t* in, ptrdiff_t stride, int rows,
                                     const WeightBlock* weights, int32_t* accumulators, int width) {
  int x = 0;
  for (; x + kVerticalBytes <= width; x += kVerticalBytes) {
    accumulate_thirty_two(in + x, stride, rows, weights, accumulators + x);
  }
  for (int t = 0; t < rows; ++t) {
    const auto weight = static_cast<int32_t>(weights[t / 4].times(t % 4, 1));
    accumulate_row(in + t * stride + x, weight, accumulators + x, width - x);
  }
}

HONEYBEE_AVX512 void round_avx512(const int32_t* accumulators, uint8_t* bytes, int width) {
  int x = 0;
  for (; x + kLaneBytes <= width; x += kLaneBytes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + x),
                     round_sixteen(_mm512_loadu_si512(accumulators + x)));
  }
  round_row(accumulators + x, bytes + x, width - x);
}

constexpr ResizeKernels kAvx512 = {horizontal_avx512, vertical_avx512, round_avx512};

}  // namespace

const ResizeKernels* avx512_resize_kernels() {
  static const bool available = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  return available ? &kAvx512 : nullptr;
}

}  // namespace honeybee

#else

namespace honeybee {

const ResizeKernels* avx512_resize_kernels() { return nullptr; }

}  // namespace honeybee

#endif
