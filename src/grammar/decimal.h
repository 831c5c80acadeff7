#pragma once
#include <string>
#include <string_view>

namespace honeybee::grammar {

/// A number exactly as its decimal text says, of any length.
struct Decimal {
  bool negative = false;  ///< never of zero
  std::string integer;    ///< digits before the point, without leading zeros: "" for zero
  std::string fraction;   ///< digits after it, without trailing zeros

  bool is_zero() const { return integer.empty() && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
};

/// Of a JSON number; exponents beyond ±400, which no double has, count as that.
Decimal parse_decimal(std::string_view number);

/// Negative, 0 or positive as a <, = or > b.
int compare(const Decimal& a, const Decimal& b);

}  // namespace honeybee::grammar
