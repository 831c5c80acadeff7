#pragma once
#include <cstddef>

#include "core/error.h"

namespace honeybee::grammar {

// What a response format may grow to before it is refused: a fraction of a second and some tens of megabytes,
// far beyond any schema written by hand.
constexpr size_t kMostSchemaBytes = 4 << 20;
constexpr size_t kMostTextStates = 50'000;    ///< of the automaton of one kind of string
constexpr size_t kMostTextEdges = 1'000'000;  ///< and its transitions
constexpr size_t kMostPatternNodes = 50'000;  ///< of a regular expression with its repetitions written out
constexpr size_t kMostStates = 500'000;       ///< of the whole grammar
constexpr size_t kMostAlternatives =
    2'000;                                  ///< of one value, after anyOf, oneOf and allOf are multiplied out
constexpr size_t kMostRules = 20'000;       ///< kinds of value, and checks of pairs of them
constexpr size_t kMostEffort = 50'000'000;  ///< in all (effort.h)

/// Throws Error(kOption) if `size` is beyond `most`; `what` says what is too large.
inline void limit(size_t size, size_t most, const char* what) {
  require(size <= most, ErrorCode::kOption, "responseFormat: ", what, " is too complex; simplify it");
}

}  // namespace honeybee::grammar
