#pragma once
#include "cpu/vec.h"

/// Dot products of codes without sign (weights) and with sign (activations) for the kernels of
/// integer_kernels.h, exact in 32 bits. Lane i of a vector of weights holds four values of k, int8, or eight,
/// int4, of column i. `Int8Dot` and `Int4Dot` both have
///
///   kDepth, kParts     values of k in a step, and products in which they are taken
///   kWide              whether activations are 16 bits wide
///   weights<part>      of a step of kLanes columns
///   values<part>       of one row of activations, for every lane
///   start, add, total  Σ (code - zero) · x over the steps of one unit, at most 32 values of k; minus_sum is
///   -Σ x
namespace honeybee::cpu::HB_ISA {

#if defined(__AVX512F__) || defined(__AVX2__)
#if defined(__AVX512F__)
using Words = __m512i;
// GCC would add integers in another order, and keep the products of a whole unit in memory for it.
HB_INLINE Words in_order(Words v) {
  asm("" : "+v"(v));
  return v;
}
HB_INLINE Words load_words(const void* p) { return _mm512_loadu_si512(p); }
HB_INLINE Words broadcast_word(int word) { return _mm512_set1_epi32(word); }
HB_INLINE Vec words_to_vec(Words v) { return _mm512_cvtepi32_ps(v); }
HB_INLINE Words bits_and(Words a, Words b) { return _mm512_and_si512(a, b); }
HB_INLINE Words shift_16(Words v, int bits) { return _mm512_srli_epi16(v, static_cast<unsigned>(bits)); }
HB_INLINE Words add_32(Words a, Words b) { return in_order(_mm512_add_epi32(a, b)); }
HB_INLINE Words add_16(Words a, Words b) { return in_order(_mm512_add_epi16(a, b)); }
HB_INLINE Words dot_16(Words a, Words b) { return _mm512_madd_epi16(a, b); }
HB_INLINE Words dot_8(Words a, Words b) { return _mm512_maddubs_epi16(a, b); }
#else
using Words = __m256i;
HB_INLINE Words in_order(Words v) {
  asm("" : "+x"(v));
  return v;
}
HB_INLINE Words load_words(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
HB_INLINE Words broadcast_word(int word) { return _mm256_set1_epi32(word); }
HB_INLINE Vec words_to_vec(Words v) { return _mm256_cvtepi32_ps(v); }
HB_INLINE Words bits_and(Words a, Words b) { return _mm256_and_si256(a, b); }
HB_INLINE Words shift_16(Words v, int bits) { return _mm256_srli_epi16(v, bits); }
HB_INLINE Words add_32(Words a, Words b) { return in_order(_mm256_add_epi32(a, b)); }
HB_INLINE Words add_16(Words a, Words b) { return in_order(_mm256_add_epi16(a, b)); }
HB_INLINE Words dot_16(Words a, Words b) { return _mm256_madd_epi16(a, b); }
HB_INLINE Words dot_8(Words a, Words b) { return _mm256_maddubs_epi16(a, b); }
#endif

HB_INLINE int read_word(const void* p) {
  int word;
  __builtin_memcpy(&word, p, 4);
  return word;
}

// Nibble i of the bytes in lane i.
HB_INLINE Words load_nibbles(const uint8_t* p) {
#if defined(__AVX512F__)
  const __m512i halves = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
  const __m512i places = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
  const __m512i bytes = _mm512_castsi128_si512(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return bits_and(_mm512_srlv_epi32(_mm512_permutexvar_epi32(halves, bytes), places), broadcast_word(15));
#else
  const __m256i places = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  return bits_and(_mm256_srlv_epi32(broadcast_word(read_word(p)), places), broadcast_word(15));
#endif
}

// What both formats have in common where codes are bytes of a word.
struct WordValues {
  // Four values of 8 bits, or two of 16.
  template <int part>
  HB_INLINE static Words values(const char* p) {
    return broadcast_word(read_word(p + 4 * part));
  }
};

// Nibbles of k … k + 3, and of k + 4 … k + 7.
struct NibbleWeights {
  static constexpr int kDepth = 8;
  static constexpr int kParts = 2;
  static constexpr bool kWide = false;
  template <int part>
  HB_INLINE static Words weights(const uint8_t* p) {
    const Words v = load_words(p);
    return bits_and(part == 0 ? v : shift_16(v, 4), broadcast_word(0x0f0f0f0f));
  }
};

#ifdef __AVX512VNNI__
// sum + zero · x in each lane; both fit 16 bits, and the high half of a zero is 0.
HB_INLINE Words add_zero_share(Words sum, Words zeros, int x) {
  return _mm512_dpwssd_epi32(sum, zeros, broadcast_word(x));
}

struct Int8Dot : WordValues {
  static constexpr int kDepth = 4;
  static constexpr int kParts = 1;
  static constexpr bool kWide = false;
  template <int>
  HB_INLINE static Words weights(const uint8_t* p) {
    return load_words(p);
  }
  HB_INLINE static Words start(int minus_sum) {
    return add_zero_share(broadcast_word(0), broadcast_word(128), minus_sum);
  }
  HB_INLINE static Words add(Words w, Words x, Words sum) { return _mm512_dpbusd_epi32(sum, w, x); }
  HB_INLINE static Words total(Words sum) { return sum; }
};

struct Int4Dot : NibbleWeights, WordValues {
  HB_INLINE static Words start(Words zeros, int minus_sum) {
    return add_zero_share(broadcast_word(0), zeros, minus_sum);
  }
  HB_INLINE static Words add(Words w, Words x, Words sum) { return _mm512_dpbusd_epi32(sum, w, x); }
  HB_INLINE static Words total(Words sum, Words /*zeros*/, int /*minus_sum*/) { return sum; }
};
#else
// sum + zero · x in each lane; both fit 16 bits.
HB_INLINE Words add_zero_share(Words sum, Words zeros, int x) {
  return add_32(sum, dot_16(zeros, broadcast_word(x & 0xffff)));
}

// Products of bytes are added in 16 bits, where those of int8 do not fit: they are widened, the even and the
// odd ones.
struct Int8Dot : WordValues {
  static constexpr int kDepth = 4;
  static constexpr int kParts = 2;
  static constexpr bool kWide = true;
  template <int part>
  HB_INLINE static Words weights(const uint8_t* p) {
    const Words v = load_words(p);
    return part == 0 ? bits_and(v, broadcast_word(0x00ff00ff)) : shift_16(v, 8);
  }
  HB_INLINE static Words start(int minus_sum) { return broadcast_word(128 * minus_sum); }
  HB_INLINE static Words add(Words w, Words x, Words sum) { return add_32(sum, dot_16(w, x)); }
  HB_INLINE static Words total(Words sum) { return sum; }
};

// A sum of 16 bits takes two products a value of dot_8, 15 · 127 each, and 16 of them in a unit of 32: 30480.
struct Int4Dot : NibbleWeights, WordValues {
  HB_INLINE static Words start(Words /*zeros*/, int /*minus_sum*/) { return broadcast_word(0); }
  HB_INLINE static Words add(Words w, Words x, Words sum) { return add_16(sum, dot_8(w, x)); }
  HB_INLINE static Words total(Words sum, Words zeros, int minus_sum) {
    return add_zero_share(dot_16(sum, broadcast_word(0x00010001)), zeros, minus_sum);
  }
};
#endif

#else  // any processor
using Words = Ints;
HB_INLINE Words load_words(const void* p) {
  Words v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
HB_INLINE Words broadcast_word(int word) { return Words{} + word; }
HB_INLINE Vec words_to_vec(Words v) { return __builtin_convertvector(v, Vec); }
HB_INLINE Words add_zero_share(Words sum, Words zeros, int x) { return sum + zeros * x; }
HB_INLINE Words load_nibbles(const uint8_t* p) { return Words{p[0] & 15, p[0] >> 4, p[1] & 15, p[1] >> 4}; }

// Adds the products of the four bytes of each lane.
struct ByteProducts {
  template <int part>
  HB_INLINE static const char* values(const char* p) {
    return p + 4 * part;
  }
  HB_INLINE static Words add(Words w, const char* x, Words sum) {
    for (int i = 0; i < 4; i++) sum += ((w >> (8 * i)) & 255) * static_cast<int>(static_cast<int8_t>(x[i]));
    return sum;
  }
};

struct Int8Dot : ByteProducts {
  static constexpr int kDepth = 4;
  static constexpr int kParts = 1;
  static constexpr bool kWide = false;
  template <int>
  HB_INLINE static Words weights(const uint8_t* p) {
    return load_words(p);
  }
  HB_INLINE static Words start(int minus_sum) { return broadcast_word(128 * minus_sum); }
  HB_INLINE static Words total(Words sum) { return sum; }
};

struct Int4Dot : ByteProducts {
  static constexpr int kDepth = 8;
  static constexpr int kParts = 2;
  static constexpr bool kWide = false;
  template <int part>
  HB_INLINE static Words weights(const uint8_t* p) {
    return (load_words(p) >> (4 * part)) & 0x0f0f0f0f;
  }
  HB_INLINE static Words start(Words zeros, int minus_sum) { return zeros * minus_sum; }
  HB_INLINE static Words total(Words sum, Words /*zeros*/, int /*minus_sum*/) { return sum; }
};
#endif

}  // namespace honeybee::cpu::HB_ISA
