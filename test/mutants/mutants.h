#pragma once
#include <bit>
#include <cstdint>
#include <type_traits>

/// What a source with mutants in it is compiled with: each mutated place asks whether the mutant of its
/// number was chosen, and else does what stood there. In constants, which the compiler evaluates, none is
/// ever chosen.

extern "C" {
/// From the environment variable HONEYBEE_MUTANT; 0 if the program is to be as written.
extern __attribute__((visibility("default"))) int honeybee_mutant;
/// By number: bits of Seen.
extern unsigned char honeybee_mutant_seen[];
}

namespace honeybee::mutants {

enum Seen : unsigned char { kReached = 1, kCompiled = 2 };

/// Noted when the library is loaded: a template that no kernel is made of has no mutants.
template <int kNumber>
inline const bool compiled = (honeybee_mutant_seen[kNumber] |= kCompiled, true);

template <int kNumber>
constexpr bool is() {
  if (std::is_constant_evaluated()) return false;
  static_cast<void>(&compiled<kNumber>);
  honeybee_mutant_seen[kNumber] |= kReached;
  return honeybee_mutant == kNumber;
}

/// Added to an index: one more, one less or nothing. The number 0 stands for no mutant, as below.
template <int kMore, int kLess>
constexpr int step() {
  if constexpr (kMore != 0) {
    if (is<kMore>()) return 1;
  }
  if constexpr (kLess != 0) {
    if (is<kLess>()) return -1;
  }
  return 0;
}

/// A float rounded to bf16; other types have no such mutant.
template <int kNumber, class T>
constexpr T rounded(T value) {
  if constexpr (std::is_same_v<T, float>) {
    if (!is<kNumber>() || value != value) return value;
    const auto bits = std::bit_cast<uint32_t>(value);
    const uint32_t half = (bits >> 16 & 1) + 0x7fff;
    return std::bit_cast<float>((bits + half) & 0xffff0000u);
  } else {
    return value;
  }
}

/// Stands between the halves of a doubled operator: `a < b` becomes `a < Place<…>{} < b`, which binds the
/// same operands whatever stands around it.
template <int kBound, int kSwap>
struct Place {};

template <class A, int kBound, int kSwap>
struct Left {
  const A& a;
};

#define HONEYBEE_RELATION(written, bound, turned)                                       \
  template <class A, int kBound, int kSwap>                                             \
  constexpr Left<A, kBound, kSwap> operator written(const A& a, Place<kBound, kSwap>) { \
    return {a};                                                                         \
  }                                                                                     \
  template <class A, int kBound, int kSwap, class B>                                    \
  constexpr bool operator written(Left<A, kBound, kSwap> left, const B& b) {            \
    if constexpr (kBound != 0) {                                                        \
      if (is<kBound>()) return left.a bound b;                                          \
    }                                                                                   \
    if constexpr (kSwap != 0) {                                                         \
      if (is<kSwap>()) return left.a turned b;                                          \
    }                                                                                   \
    return left.a written b;                                                            \
  }
HONEYBEE_RELATION(<, <=, >)
HONEYBEE_RELATION(<=, <, >=)
HONEYBEE_RELATION(>, >=, <)
HONEYBEE_RELATION(>=, >, <=)
#undef HONEYBEE_RELATION

#define HONEYBEE_ARITHMETIC(written)                                                    \
  template <class A, int kBound, int kSwap>                                             \
  constexpr Left<A, kBound, kSwap> operator written(const A& a, Place<kBound, kSwap>) { \
    return {a};                                                                         \
  }                                                                                     \
  template <class A, int kBound, int kSwap, class B>                                    \
  constexpr auto operator written(Left<A, kBound, kSwap> left, const B& b) {            \
    using Result = decltype(left.a written b);                                          \
    if constexpr (requires { static_cast<Result>(b written left.a); }) {                \
      if (is<kSwap>()) return static_cast<Result>(b written left.a);                    \
    }                                                                                   \
    return left.a written b;                                                            \
  }
HONEYBEE_ARITHMETIC(-)
HONEYBEE_ARITHMETIC(/)
#undef HONEYBEE_ARITHMETIC

}  // namespace honeybee::mutants
