// The automata of numbers.
#include <map>

#include "grammar/number_limits.h"

namespace honeybee::grammar {
namespace {

// A number without bounds has at most 17 digits, what a double holds, and an exponent of two. One with bounds
// has no exponent and at most 15 digits: then no two texts are the same double, so that comparing decimals
// and comparing doubles are the same.
constexpr int kFreeDigits = 17;
constexpr int kBoundedDigits = 15;

// How the digits read so far compare with those of a bound.
struct Comparison {
  const Decimal* bound;

  static constexpr int8_t kLess = -1;
  static constexpr int8_t kSame = 0;
  static constexpr int8_t kMore = 1;

  // After one more digit of the integer part, which then has `count` digits.
  int8_t integer_digit(int8_t so_far, int count, char digit) const {
    const auto place = static_cast<size_t>(count) - 1;
    if (so_far != kSame || place >= bound->integer.size()) return so_far;
    return compare_digit(digit, bound->integer[place]);
  }
  // At the end of the integer part.
  int8_t integer_end(int8_t so_far, int count) const {
    const auto wanted = static_cast<int>(bound->integer.size());
    return count < wanted ? kLess : count > wanted ? kMore : so_far;
  }
  int8_t fraction_digit(int8_t so_far, int count, char digit) const {
    const auto place = static_cast<size_t>(count) - 1;
    if (so_far != kSame) return so_far;
    return compare_digit(digit, place < bound->fraction.size() ? bound->fraction[place] : '0');
  }
  // At the end of the number.
  int8_t end(int8_t so_far, int count) const {
    return so_far == kSame && static_cast<size_t>(count) < bound->fraction.size() ? kLess : so_far;
  }

 private:
  static int8_t compare_digit(char a, char b) { return a < b ? kLess : a > b ? kMore : kSame; }
};

// Builds the automaton of numbers with bounds: its states are what there is to know of the digits so far.
class BoundedNumbers {
 public:
  BoundedNumbers(const NumberLimits& limits, Automaton& automaton)
      : limits_(limits), modulus_(modulus_of(limits.multiples)), automaton_(automaton) {
    if (limits.integer)
      places_ = 0;
    else if (!limits.multiples.empty())
      places_ = modulus_.places;
  }

  void build(int32_t from) {
    const int32_t minus = automaton_.add_state();
    automaton_.add_bytes(from, '-', '-', minus);
    begin(from, false);
    begin(minus, true);
    while (!todo_.empty()) {
      const auto [key, state] = todo_.back();
      todo_.pop_back();
      expand(key, state);
    }
  }

 private:
  enum class Phase : uint8_t { kInteger, kPoint, kFraction };
  struct Key {
    Phase phase = Phase::kInteger;
    bool negative = false;
    int8_t integers = 0;   // digits of the integer part; 0 if it is the digit 0
    int8_t fractions = 0;  // digits of the fraction
    int8_t low = 0;        // compared with the magnitude that must be reached
    int8_t high = 0;       // and with the one that must not be passed
    int64_t rest = 0;      // modulo the modulus

    auto operator<=>(const Key&) const = default;
  };

  // Of the magnitude: what must be reached, and not passed; null if there is none.
  const Decimal* low_of(bool negative) const {
    const auto& bound = negative ? limits_.most : limits_.least;
    return bound && (bound->negative == negative || bound->is_zero()) ? &*bound : nullptr;
  }
  const Decimal* high_of(bool negative) const {
    const auto& bound = negative ? limits_.least : limits_.most;
    return bound && bound->negative == negative ? &*bound : nullptr;
  }
  // Whether the sign alone rules everything out.
  bool impossible(bool negative) const {
    return negative ? limits_.least && !limits_.least->negative : limits_.most && limits_.most->negative;
  }

  int32_t number_of(const Key& key) {
    const auto [place, added] = numbers_.try_emplace(key, -1);
    if (added) {
      place->second = automaton_.add_state();
      todo_.emplace_back(key, place->second);
    }
    return place->second;
  }

  void begin(int32_t from, bool negative) {
    if (impossible(negative)) return;
    for (char digit = '0'; digit <= '9'; digit++) {
      Key key;
      key.negative = negative;
      if (digit != '0') {
        key.integers = 1;
        add_integer_digit(key, digit);
      }
      automaton_.add_bytes(from, static_cast<uint8_t>(digit), static_cast<uint8_t>(digit), number_of(key));
    }
  }

  void add_integer_digit(Key& key, char digit) const {
    if (const Decimal* low = low_of(key.negative))
      key.low = Comparison{low}.integer_digit(key.low, key.integers, digit);
    if (const Decimal* high = high_of(key.negative))
      key.high = Comparison{high}.integer_digit(key.high, key.integers, digit);
    key.rest = (key.rest * 10 + (digit - '0')) % modulus_.modulus;
  }

  Key ended_integer(Key key) const {
    if (const Decimal* low = low_of(key.negative))
      key.low = Comparison{low}.integer_end(key.low, key.integers);
    if (const Decimal* high = high_of(key.negative))
      key.high = Comparison{high}.integer_end(key.high, key.integers);
    return key;
  }

  bool accepts(Key key) const {
    if (key.phase == Phase::kPoint) return false;
    const bool whole = key.phase == Phase::kInteger;
    if (whole) key = ended_integer(key);
    if (whole && key.integers == 0 && key.negative) return false;  // -0
    if (const Decimal* low = low_of(key.negative)) {
      const int8_t order = Comparison{low}.end(key.low, key.fractions);
      const bool exclusive = key.negative ? limits_.below : limits_.above;
      if (order < 0 || (order == 0 && exclusive)) return false;
    }
    if (const Decimal* high = high_of(key.negative)) {
      const int8_t order = Comparison{high}.end(key.high, key.fractions);
      const bool exclusive = key.negative ? limits_.above : limits_.below;
      if (order > 0 || (order == 0 && exclusive)) return false;
    }
    int64_t rest = key.rest;
    for (int i = key.fractions; i < modulus_.places; i++) rest = rest * 10 % modulus_.modulus;
    return rest == 0;
  }

  void expand(const Key& key, int32_t state) {
    if (accepts(key)) automaton_.states[static_cast<size_t>(state)].final = true;
    const int digits = key.integers + key.fractions;
    if (key.phase == Phase::kInteger) {
      if (key.integers > 0 && digits < kBoundedDigits) {
        for (char digit = '0'; digit <= '9'; digit++) {
          Key next = key;
          next.integers++;
          add_integer_digit(next, digit);
          add_digit_edge(state, digit, next);
        }
      }
      if (places_ != 0 && digits < kBoundedDigits) {
        Key next = ended_integer(key);
        next.phase = Phase::kPoint;
        automaton_.add_bytes(state, '.', '.', number_of(next));
      }
      return;
    }
    if (digits >= kBoundedDigits || key.fractions == places_) return;
    for (char digit = '0'; digit <= '9'; digit++) {
      Key next = key;
      next.phase = Phase::kFraction;
      next.fractions++;
      if (const Decimal* low = low_of(key.negative))
        next.low = Comparison{low}.fraction_digit(key.low, next.fractions, digit);
      if (const Decimal* high = high_of(key.negative))
        next.high = Comparison{high}.fraction_digit(key.high, next.fractions, digit);
      if (places_ > 0) next.rest = (next.rest * 10 + (digit - '0')) % modulus_.modulus;
      add_digit_edge(state, digit, next);
    }
  }

  void add_digit_edge(int32_t state, char digit, const Key& next) {
    const int32_t to = number_of(next);
    const auto byte = static_cast<uint8_t>(digit);
    // Digits ascend: those that lead to the same state become one edge.
    const int32_t newest = automaton_.at(state).edges;
    if (newest >= 0) {
      Automaton::Edge& edge = automaton_.edges[static_cast<size_t>(newest)];
      if (edge.kind == Automaton::Edge::Kind::kByte && edge.target == to && edge.last + 1 == byte) {
        edge.last = byte;
        return;
      }
    }
    automaton_.add_bytes(state, byte, byte, to);
  }

  const NumberLimits& limits_;
  Modulus modulus_;
  int places_ = -1;  // most digits after the point; -1: no bound
  Automaton& automaton_;
  std::map<Key, int32_t> numbers_;
  std::vector<std::pair<Key, int32_t>> todo_;
};

// -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d\d?)? with at most kFreeDigits digits before the exponent; not -0.
void add_free_numbers(Automaton& a, int32_t from, bool integer) {
  const int32_t minus = a.add_state();
  const int32_t zero = a.add_state(true);
  const int32_t minus_zero = a.add_state();
  a.add_bytes(from, '-', '-', minus);
  a.add_bytes(from, '0', '0', zero);
  if (!integer) a.add_bytes(minus, '0', '0', minus_zero);
  const int digits = integer ? kBoundedDigits : kFreeDigits;
  std::vector<int32_t> whole;   // after n + 1 digits
  std::vector<int32_t> behind;  // after the point, n + 1 digits in all
  for (int i = 0; i < digits; i++) whole.push_back(a.add_state(true));
  for (const int32_t first : {from, minus}) a.add_bytes(first, '1', '9', whole[0]);
  for (size_t i = 0; i + 1 < whole.size(); i++) a.add_bytes(whole[i], '0', '9', whole[i + 1]);
  if (integer) return;
  const int32_t e = a.add_state();
  const int32_t sign = a.add_state();
  const int32_t exponent = a.add_state(true);
  const int32_t end = a.add_state(true);
  for (const uint8_t letter : {'E', 'e'}) a.add_bytes(zero, letter, letter, e);
  for (const uint8_t c : {'+', '-'}) a.add_bytes(e, c, c, sign);
  for (const int32_t first : {e, sign}) a.add_bytes(first, '0', '9', exponent);
  a.add_bytes(exponent, '0', '9', end);
  for (size_t i = 0; i < whole.size(); i++) behind.push_back(a.add_state(true));
  for (size_t i = 0; i < whole.size(); i++) {
    for (const uint8_t letter : {'E', 'e'}) {
      a.add_bytes(whole[i], letter, letter, e);
      a.add_bytes(behind[i], letter, letter, e);
    }
    if (i + 1 == whole.size()) break;
    const int32_t point = a.add_state();
    a.add_bytes(whole[i], '.', '.', point);
    a.add_bytes(point, '0', '9', behind[i + 1]);
    a.add_bytes(behind[i], '0', '9', behind[i + 1]);
  }
  // A leading zero is no digit that counts.
  const int32_t point = a.add_state();
  a.add_bytes(zero, '.', '.', point);
  a.add_bytes(minus_zero, '.', '.', point);
  a.add_bytes(point, '0', '9', behind[0]);
}

}  // namespace

void NumberLimits::add_to(Automaton& automaton, int32_t from) const {
  const int32_t begin = automaton.add_state();
  automaton.add_skip(from, begin);
  if (bounded())
    BoundedNumbers(*this, automaton).build(begin);
  else
    add_free_numbers(automaton, begin, integer);
}

}  // namespace honeybee::grammar
