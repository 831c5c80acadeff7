#pragma once
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace honeybee::grammar {

/// Ranges of code points, ascending and apart.
using CodePoints = std::vector<std::pair<uint32_t, uint32_t>>;

/// A parsed regular expression; nodes refer to others by place.
struct RegexTree {
  struct Node {
    enum class Kind { kSet, kSequence, kChoice, kRepeat, kStart, kEnd };
    Kind kind = Kind::kSequence;
    CodePoints set;          ///< kSet
    std::vector<int> parts;  ///< kSequence, kChoice; one of kRepeat
    int min = 0;             ///< kRepeat
    int max = -1;            ///< kRepeat; -1: no bound
  };
  std::vector<Node> nodes;
  int root = 0;
};

/// Parses an ECMA-262 pattern (flag u) as far as it describes a regular language: no look-around, back
/// references, word boundaries or Unicode properties. Throws Error(kOption) that says what is wrong.
RegexTree parse_regex(std::string_view pattern);

}  // namespace honeybee::grammar
