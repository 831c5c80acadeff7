// The vector of a translation unit compiled with AVX2, FMA, F16C; see vec.h.
#include <immintrin.h>

namespace honeybee::cpu::HB_ISA {

using Vec = __m256;
using Pairs = __m256i;
inline constexpr int kLanes = 8;

HB_INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

HB_INLINE Vec zero() { return _mm256_setzero_ps(); }
HB_INLINE Vec broadcast(float value) { return _mm256_set1_ps(value); }
HB_INLINE Vec load(const float* p) { return _mm256_loadu_ps(p); }
HB_INLINE Vec load_n(const float* p, int n) { return _mm256_maskload_ps(p, first_lanes(n)); }
HB_INLINE void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
HB_INLINE void store_n(float* p, Vec v, int n) { _mm256_maskstore_ps(p, first_lanes(n), v); }

HB_INLINE Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
HB_INLINE Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
HB_INLINE Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
HB_INLINE Vec sqrt(Vec a) { return _mm256_sqrt_ps(a); }
HB_INLINE Vec abs(Vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
HB_INLINE Vec copy_sign(Vec magnitude, Vec sign) {
  return _mm256_or_ps(magnitude, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f)));
}
HB_INLINE Vec round(Vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
HB_INLINE Vec select_less(Vec a, Vec b, Vec yes, Vec no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
// Two factors, because a result may be subnormal or a power may exceed the largest float.
HB_INLINE Vec scale_by_power(Vec a, Vec n) {
  const __m256i power = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(power, 1);
  const __m256i rest = _mm256_sub_epi32(power, half);
  const __m256i bias = _mm256_set1_epi32(127);
  const Vec first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  const Vec second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
  return a * first * second;
}
HB_INLINE float reduce_add(Vec v) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_shuffle_ps(sum, sum, 1)));
}
HB_INLINE float reduce_max(Vec v) {
  __m128 top = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  top = _mm_max_ps(top, _mm_movehl_ps(top, top));
  return _mm_cvtss_f32(_mm_max_ss(top, _mm_shuffle_ps(top, top, 1)));
}

HB_INLINE __m128i load_halves(const uint16_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
HB_INLINE __m128i load_halves_n(const uint16_t* p, int n) {
  uint16_t lanes[8] = {};
  for (int i = 0; i < n; i++) lanes[i] = p[i];
  return load_halves(lanes);
}
HB_INLINE void store_halves(uint16_t* p, __m128i v) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
HB_INLINE void store_halves_n(uint16_t* p, __m128i v, int n) {
  uint16_t lanes[8];
  store_halves(lanes, v);
  for (int i = 0; i < n; i++) p[i] = lanes[i];
}
HB_INLINE Vec bf16_to_vec(__m128i v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}
HB_INLINE __m128i vec_to_bf16(Vec v) {
  const __m256i bits = _mm256_castps_si256(v);
  const __m256i high = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i words = _mm256_blendv_epi8(rounded, quiet, nan);
  const __m256i packed = _mm256_packus_epi32(words, words);
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}
HB_INLINE Vec load_bf16(const uint16_t* p) { return bf16_to_vec(load_halves(p)); }
HB_INLINE Vec load_bf16_n(const uint16_t* p, int n) { return bf16_to_vec(load_halves_n(p, n)); }
HB_INLINE void store_bf16(uint16_t* p, Vec v) { store_halves(p, vec_to_bf16(v)); }
HB_INLINE void store_bf16_n(uint16_t* p, Vec v, int n) { store_halves_n(p, vec_to_bf16(v), n); }
HB_INLINE Vec load_f16(const uint16_t* p) { return _mm256_cvtph_ps(load_halves(p)); }
HB_INLINE Vec load_f16_n(const uint16_t* p, int n) { return _mm256_cvtph_ps(load_halves_n(p, n)); }
HB_INLINE void store_f16(uint16_t* p, Vec v) {
  store_halves(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
}
HB_INLINE void store_f16_n(uint16_t* p, Vec v, int n) {
  store_halves_n(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), n);
}

HB_INLINE Vec load_i8(const void* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
}
HB_INLINE Vec load_f8(const uint8_t* p) {
  const __m128i bytes = _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  const __m128i magnitude = _mm_slli_epi16(_mm_and_si128(bytes, _mm_set1_epi16(0x7f)), 7);
  const __m128i sign = _mm_slli_epi16(_mm_and_si128(bytes, _mm_set1_epi16(0x80)), 8);
  return _mm256_cvtph_ps(_mm_or_si128(magnitude, sign));
}

HB_INLINE Pairs load_pairs(const uint16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
HB_INLINE void store_pairs(uint16_t* p, Pairs v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
HB_INLINE Pairs make_pairs(Vec even, Vec odd) {
  return _mm256_blend_epi16(_mm256_srli_epi32(_mm256_castps_si256(even), 16), _mm256_castps_si256(odd), 0xaa);
}
HB_INLINE Pairs broadcast_pair(const uint16_t* p) {
  int pair;
  __builtin_memcpy(&pair, p, 4);
  return _mm256_set1_epi32(pair);
}
HB_INLINE Vec even(Pairs v) { return _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)); }
HB_INLINE Vec odd(Pairs v) {
  return _mm256_castsi256_ps(_mm256_and_si256(v, _mm256_set1_epi32(static_cast<int>(0xffff0000u))));
}
HB_INLINE Vec dot_pairs(Pairs a, Pairs b, Vec sum) { return fma(odd(a), odd(b), fma(even(a), even(b), sum)); }
HB_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

}  // namespace honeybee::cpu::HB_ISA
