#pragma once
#include <optional>
#include <vector>

#include "grammar/automaton.h"
#include "grammar/decimal.h"

namespace honeybee::grammar {

/// "multiple of m" for numbers of `places` digits after the point, as a condition on all digits taken as one
/// integer: it is 0 modulo `modulus`.
struct Modulus {
  int places = 0;
  int64_t modulus = 1;
};

/// Of each of them. Throws Error(kOption) if that is too large to count.
Modulus modulus_of(const std::vector<Decimal>& multiples);

/// What a schema says of a number.
struct NumberLimits {
  std::optional<Decimal> least;
  std::optional<Decimal> most;
  bool above = false;  ///< `least` itself is not allowed
  bool below = false;  ///< nor is `most`
  bool integer = false;
  std::vector<Decimal> multiples;  ///< of each of them

  void raise(const Decimal& bound, bool exclusive);
  void lower(const Decimal& bound, bool exclusive);
  void narrow(const NumberLimits& other);
  bool bounded() const { return least || most || !multiples.empty(); }
  bool accepts(const Decimal& value) const;
  /// Adds what reads such a number, from `from` to the end of the rule.
  void add_to(Automaton& automaton, int32_t from) const;
};

/// Throws Error(kOption) for a multipleOf whose multiples are not exact in binary, or that is too large to
/// count.
void check_multiple(const Decimal& multiple);

}  // namespace honeybee::grammar
