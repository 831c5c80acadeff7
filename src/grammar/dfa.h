#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/utf8.h"

namespace honeybee::grammar {

/// A deterministic automaton over code points (surrogates excepted). State 0 is the start.
struct Dfa {
  struct Edge {
    uint32_t first;
    uint32_t last;
    int32_t target;
  };
  static constexpr int32_t kRejects = -1;

  std::vector<Edge> edges;       ///< of a state: ascending and apart
  std::vector<uint32_t> begins;  ///< where the edges of each state begin; one more entry at the end
  std::vector<int32_t> labels;   ///< of each state: kRejects, or what a text that ends here is

  size_t states() const { return labels.size(); }
  std::span<const Edge> from(int32_t state) const {
    const auto s = static_cast<size_t>(state);
    return {edges.data() + begins[s], edges.data() + begins[s + 1]};
  }
  /// The state after a code point, or -1.
  int32_t next(int32_t state, uint32_t c) const;
  /// The label of a whole text, kRejects if it is not accepted.
  int32_t match(std::string_view utf8) const;
  /// Accepts nothing at all (of an automaton that was trimmed).
  bool empty() const { return states() == 0; }

  /// Adds a state whose edges are those pushed since the last call.
  void close_state(int32_t label);
};

/// Every text, with label 0.
Dfa any_text();
/// Texts of min to max code points.
Dfa texts_of_length(size_t min, size_t max);
/// Each of the names, labelled with its place.
Dfa texts_named(std::span<const std::string> names);

/// Runs automata side by side. `label(labels)` gives the label of a text from the labels that the components
/// give it. With `all` a text that one of them can accept no more is given up at once, else every text is
/// followed to its end. The result has no state from which nothing is accepted; it is empty if nothing is.
Dfa product(std::span<const Dfa* const> components, bool all,
            const std::function<int32_t(std::span<const int32_t>)>& label);
/// What all accept, with label 0.
Dfa intersection(std::span<const Dfa* const> components);

/// Removes states that accept nothing any more.
Dfa trimmed(const Dfa& dfa);

}  // namespace honeybee::grammar
