#include "grammar/number_limits.h"

#include <algorithm>
#include <numeric>

namespace honeybee::grammar {
namespace {

constexpr int64_t kLargestModulus = 4'096;

int64_t pow10(int exponent) {
  int64_t value = 1;
  for (int i = 0; i < exponent; i++) value *= 10;
  return value;
}

}  // namespace

Modulus modulus_of(const std::vector<Decimal>& multiples) {
  Modulus all;
  for (const Decimal& m : multiples) all.places = std::max(all.places, static_cast<int>(m.fraction.size()));
  for (const Decimal& m : multiples) {
    int64_t value = 0;
    for (const char c : m.integer + m.fraction) value = value * 10 + (c - '0');
    value *= pow10(all.places - static_cast<int>(m.fraction.size()));
    all.modulus = std::lcm(all.modulus, value);
    require(all.modulus <= kLargestModulus, ErrorCode::kOption,
            "responseFormat: \"multipleOf\" cannot be enforced for values beyond ", kLargestModulus,
            " (digits after the point counted in)");
  }
  return all;
}

void NumberLimits::raise(const Decimal& bound, bool exclusive) {
  const int order = least ? compare(bound, *least) : 1;
  if (order > 0)
    above = exclusive;
  else if (order == 0)
    above = above || exclusive;
  if (order > 0) least = bound;
}

void NumberLimits::lower(const Decimal& bound, bool exclusive) {
  const int order = most ? compare(bound, *most) : -1;
  if (order < 0)
    below = exclusive;
  else if (order == 0)
    below = below || exclusive;
  if (order < 0) most = bound;
}

void NumberLimits::narrow(const NumberLimits& other) {
  if (other.least) raise(*other.least, other.above);
  if (other.most) lower(*other.most, other.below);
  integer = integer || other.integer;
  multiples.insert(multiples.end(), other.multiples.begin(), other.multiples.end());
}

bool NumberLimits::accepts(const Decimal& value) const {
  if (integer && !value.is_integer()) return false;
  if (least) {
    const int order = compare(value, *least);
    if (order < 0 || (order == 0 && above)) return false;
  }
  if (most) {
    const int order = compare(value, *most);
    if (order > 0 || (order == 0 && below)) return false;
  }
  const Modulus modulus = modulus_of(multiples);
  if (multiples.empty()) return true;
  if (static_cast<int>(value.fraction.size()) > modulus.places) return false;
  int64_t rest = 0;
  for (const char c : value.integer + value.fraction) rest = (rest * 10 + (c - '0')) % modulus.modulus;
  for (auto i = static_cast<int>(value.fraction.size()); i < modulus.places; i++)
    rest = rest * 10 % modulus.modulus;
  return rest == 0;
}

void check_multiple(const Decimal& multiple) {
  require(!multiple.negative && !multiple.is_zero(), ErrorCode::kOption,
          "responseFormat: \"multipleOf\" must be above 0");
  // A binary fraction of n places has exactly n decimal ones, the last of them 5.
  Decimal scaled = multiple;
  const size_t places = multiple.fraction.size();
  bool exact = places <= 3;
  if (exact) {
    int64_t value = 0;
    for (const char c : scaled.fraction) value = value * 10 + (c - '0');
    exact = value * (int64_t{1} << places) % pow10(static_cast<int>(places)) == 0;
  }
  require(exact, ErrorCode::kOption, "responseFormat: \"multipleOf\" ",
          multiple.integer.empty() ? "0" : multiple.integer, ".", multiple.fraction,
          " cannot be enforced: its multiples are not exact in binary; use an integer, .5 or .25");
  require(multiple.integer.size() <= 6, ErrorCode::kOption,
          "responseFormat: \"multipleOf\" cannot be enforced for values beyond ", kLargestModulus);
  modulus_of({multiple});
}

}  // namespace honeybee::grammar
