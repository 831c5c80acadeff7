// The vector of a translation unit compiled with AVX-512 F, BW, VL, DQ; see vec.h.

// The intrinsics of GCC 12 read variables that are uninitialized on purpose, and warn of it where they are
// inlined.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace honeybee::cpu::HB_ISA {

using Vec = __m512;
using Pairs = __m512i;
inline constexpr int kLanes = 16;

HB_INLINE __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

HB_INLINE Vec zero() { return _mm512_setzero_ps(); }
HB_INLINE Vec broadcast(float value) { return _mm512_set1_ps(value); }
HB_INLINE Vec load(const float* p) { return _mm512_loadu_ps(p); }
HB_INLINE Vec load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
HB_INLINE void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
HB_INLINE void store_n(float* p, Vec v, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), v); }

HB_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
HB_INLINE Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
HB_INLINE Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
HB_INLINE Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }
HB_INLINE Vec abs(Vec a) { return _mm512_abs_ps(a); }
HB_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  return _mm512_or_ps(magnitude, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
HB_INLINE Vec round(Vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
HB_INLINE Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
HB_INLINE Vec scale_by_power(Vec a, Vec n) { return _mm512_scalef_ps(a, n); }
HB_INLINE float reduce_add(Vec v) { return _mm512_reduce_add_ps(v); }
HB_INLINE float reduce_max(Vec v) { return _mm512_reduce_max_ps(v); }

HB_INLINE Vec bf16_to_vec(__m256i v) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}
HB_INLINE __m256i vec_to_bf16(Vec v) {
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i rounded =
      _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
  rounded = _mm512_mask_or_epi32(rounded, nan, _mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(rounded);
}
HB_INLINE Vec load_bf16(const uint16_t* p) {
  return bf16_to_vec(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
HB_INLINE Vec load_bf16_n(const uint16_t* p, int n) {
  return bf16_to_vec(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
HB_INLINE void store_bf16(uint16_t* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), vec_to_bf16(v));
}
HB_INLINE void store_bf16_n(uint16_t* p, Vec v, int n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), vec_to_bf16(v));
}
HB_INLINE Vec load_f16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
HB_INLINE Vec load_f16_n(const uint16_t* p, int n) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(n), p));
}
HB_INLINE void store_f16(uint16_t* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
HB_INLINE void store_f16_n(uint16_t* p, Vec v, int n) {
  _mm256_mask_storeu_epi16(p, first_lanes(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}

HB_INLINE Vec load_i8(const void* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
}
HB_INLINE Vec load_f8(const uint8_t* p) {
  const __m256i bytes = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m256i magnitude = _mm256_slli_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(0x7f)), 7);
  const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(bytes, _mm256_set1_epi16(0x80)), 8);
  return _mm512_cvtph_ps(_mm256_or_si256(magnitude, sign));
}

HB_INLINE Pairs load_pairs(const uint16_t* p) { return _mm512_loadu_si512(p); }
HB_INLINE void store_pairs(uint16_t* p, Pairs v) { _mm512_storeu_si512(p, v); }
HB_INLINE Pairs make_pairs(Vec even, Vec odd) {
  return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(_mm512_castps_si512(even), 16),
                                 _mm512_castps_si512(odd));
}
HB_INLINE Pairs broadcast_pair(const uint16_t* p) {
  int pair;
  __builtin_memcpy(&pair, p, 4);
  return _mm512_set1_epi32(pair);
}
HB_INLINE Vec even(Pairs v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
HB_INLINE Vec odd(Pairs v) {
  return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xffff0000u))));
}
HB_INLINE Vec dot_pairs(Pairs a, Pairs b, Vec sum) {
#ifdef __AVX512BF16__
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#else
  return fma(odd(a), odd(b), fma(even(a), even(b), sum));
#endif
}
HB_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace honeybee::cpu::HB_ISA
