#pragma once
#include <cstddef>
#include <cstdint>

/// The float vector of a kernel file. HB_ISA names its instruction set and namespace; the flags of the
/// compiler say which vector that is, so that one kernel body serves every instruction set:
///
///   Vec, kLanes                     the vector and its lanes: 16, 8 or 4; + - * / and unary - are built in
///   load, store, load_n, store_n    unaligned; _n: the first n lanes, 0 <= n <= kLanes, the rest read as 0
///   load_bf16, store_bf16 (_n)      as floats, stored with rounding to nearest, ties to even; NaN stays NaN
///   load_f16, store_f16 (_n)        likewise
///   load_i8                         signed bytes
///   load_f8                         e4m3 times 2^-8, which as a half has the same bits shifted; without NaN
///   zero, broadcast                 one value in every lane
///   fma(a, b, c)                    a * b + c, always this function: the compiler contracts nothing
///   max, min(a, b)                  b when either is NaN
///   sqrt, abs, copy_sign, round     round: to the nearest integer, ties to even
///   select_less(a, b, yes, no)      a < b ? yes : no
///   scale_by_power(a, n)            a * 2^n for whole -252 <= n <= 252
///   reduce_add, reduce_max          in an order that only the instruction set decides
///   exp, sigmoid, tanh, erf, gelu   this file
///
///   Pairs                           2 * kLanes bf16, two neighbours to a lane: the layout of bf16 products
///   load_pairs, store_pairs         2 * kLanes bf16
///   broadcast_pair                  2 bf16 in every lane
///   make_pairs(even, odd)           of floats that bf16 holds exactly
///   even, odd                       the first, or second, of each pair as floats
///   dot_pairs(a, b, sum)            sum + a.even * b.even + a.odd * b.odd, in one instruction where
///                                   kNativePairs (which treats subnormal bf16 as zero)
///   prefetch(p)                     into the first-level cache
#ifndef HB_ISA
#error "define HB_ISA, the namespace of this instruction set, before including vec.h"
#endif

#define HB_INLINE [[gnu::always_inline]] inline

#if defined(__AVX512F__)
#include "cpu/vec_avx512.h"
#elif defined(__AVX2__)
#include "cpu/vec_avx2.h"
#else
#include "cpu/vec_portable.h"
#endif

namespace honeybee::cpu::HB_ISA {

#ifdef __AVX512BF16__
inline constexpr bool kNativePairs = true;
#else
inline constexpr bool kNativePairs = false;
#endif

/// c[0] + c[1] x + … by Horner's rule.
template <int kTerms>
HB_INLINE Vec polynomial(Vec x, const float (&c)[kTerms]) {
  Vec sum = broadcast(c[kTerms - 1]);
#pragma GCC unroll 16
  for (int i = kTerms - 2; i >= 0; i--) sum = fma(sum, x, broadcast(c[i]));
  return sum;
}

// Coefficients here and below: Chebyshev fits in 40 digits, rounded to float.
inline constexpr float kExp[] = {0.5f, 0.166665766661f, 0.041666554213f, 0.00836323288368f,
                                 0.00139262508315f};
inline constexpr float kErfSmall[] = {1.12837916585f,    -0.376126266667f,  0.112835947152f,
                                      -0.0268542120106f, 0.00518908742343f, -0.000801686428717f,
                                      7.87587506269e-5f};
inline constexpr float kErfLarge[] = {0.000320225692095f, -1.13023380029f,    -0.631825414347f,
                                      -0.110080691213f,   0.0264214846577f,   -0.00475971955001f,
                                      0.000596831951614f, -4.60611578401e-5f, 1.63730820174e-6f};

/// e^x within 2 units in the last place; 0 far below, infinity far above, NaN for NaN.
HB_INLINE Vec exp(Vec x) {
  x = min(broadcast(89.0f), max(broadcast(-104.0f), x));
  const Vec n = round(x * broadcast(1.44269504f));
  // ln 2 in two parts, the first short enough that its product with n is exact.
  const Vec r = fma(n, broadcast(-1.42860677e-6f), fma(n, broadcast(-0.693145752f), x));
  const Vec tail = fma(polynomial(r, kExp), r * r, r);
  return scale_by_power(tail + broadcast(1.0f), n);
}

/// 1 / (1 + e^-x).
HB_INLINE Vec sigmoid(Vec x) { return broadcast(1.0f) / (broadcast(1.0f) + exp(-x)); }

/// x · sigmoid(x).
HB_INLINE Vec silu(Vec x) { return x / (broadcast(1.0f) + exp(-x)); }

/// Absolute error below 2e-7.
HB_INLINE Vec tanh(Vec x) {
  const Vec e = exp(broadcast(-2.0f) * abs(x));
  return copy_sign((broadcast(1.0f) - e) / (broadcast(1.0f) + e), x);
}

/// Absolute error below 2e-7.
HB_INLINE Vec erf(Vec x) {
  const Vec a = min(broadcast(4.0f), abs(x));
  const Vec small = a * polynomial(a * a, kErfSmall);
  const Vec large = broadcast(1.0f) - exp(polynomial(a, kErfLarge));
  return copy_sign(select_less(a, broadcast(1.0f), small, large), x);
}

/// x · Φ(x), the exact form.
HB_INLINE Vec gelu(Vec x) {
  const Vec half = broadcast(0.5f) * x;
  return fma(half, erf(x * broadcast(0.707106781f)), half);
}

}  // namespace honeybee::cpu::HB_ISA
