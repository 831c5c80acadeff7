#pragma once
#include <string_view>

#include "grammar/dfa.h"

namespace honeybee::grammar {

/// The texts in which an ECMA-262 pattern (flag u) is found, as JSON Schema's `pattern` has it.
/// Throws Error(kOption) for a pattern that is wrong, not regular or too complex.
Dfa texts_with(std::string_view pattern);
/// The texts that a pattern matches from end to end.
Dfa texts_like(std::string_view pattern);

}  // namespace honeybee::grammar
