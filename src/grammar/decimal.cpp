#include "grammar/decimal.h"

#include <algorithm>
#include <cstdlib>

namespace honeybee::grammar {
namespace {

int compare_magnitude(const Decimal& a, const Decimal& b) {
  if (a.integer.size() != b.integer.size()) return a.integer.size() < b.integer.size() ? -1 : 1;
  if (const int order = a.integer.compare(b.integer); order != 0) return order;
  return a.fraction.compare(b.fraction);
}

}  // namespace

Decimal parse_decimal(std::string_view number) {
  Decimal out;
  out.negative = number.starts_with('-');
  if (out.negative) number.remove_prefix(1);
  const size_t e = number.find_first_of("eE");
  long exponent = 0;
  if (e != std::string_view::npos) {
    exponent = std::strtol(std::string(number.substr(e + 1)).c_str(), nullptr, 10);
    exponent = std::clamp(exponent, -400L, 400L);
    number = number.substr(0, e);
  }
  const size_t point = number.find('.');
  out.integer = number.substr(0, point);
  if (point != std::string_view::npos) out.fraction = number.substr(point + 1);
  for (; exponent > 0; exponent--) {
    out.integer += out.fraction.empty() ? '0' : out.fraction.front();
    if (!out.fraction.empty()) out.fraction.erase(0, 1);
  }
  for (; exponent < 0; exponent++) {
    out.fraction.insert(out.fraction.begin(), out.integer.empty() ? '0' : out.integer.back());
    if (!out.integer.empty()) out.integer.pop_back();
  }
  out.integer.erase(0, std::min(out.integer.find_first_not_of('0'), out.integer.size()));
  out.fraction.erase(out.fraction.find_last_not_of('0') + 1);
  if (out.is_zero()) out.negative = false;
  return out;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

}  // namespace honeybee::grammar
