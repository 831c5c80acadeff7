#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "grammar/limits.h"
#include "grammar/text.h"

namespace honeybee::grammar {

/// A pushdown automaton over bytes: what both JSON Schemas and regular expressions are compiled to. It may be
/// in several states at once. A rule is the state it begins at and ends at any state marked `final`, where
/// the caller goes on.
class Automaton {
 public:
  struct Edge {
    enum class Kind : uint8_t {
      kByte,  ///< reads one byte of [first, last]
      kSkip,  ///< reads nothing
      kCall,  ///< runs the rule at `callee`, then goes on at `target`
      kText,  ///< reads the text `callee` and goes on where its label says
    };
    Kind kind;
    uint8_t first = 0;
    uint8_t last = 0;
    int32_t target = -1;
    int32_t callee = -1;
    int32_t following = -1;  ///< the next edge of the same state
  };
  struct State {
    int32_t edges = -1;
    uint32_t cost = kNever;  ///< fewest bytes to the end of the rule
    bool final = false;
    bool reads = false;  ///< has an edge that reads a byte by itself
  };
  struct TextUse {
    int32_t text;
    std::vector<int32_t> targets;  ///< by label; -1: dead
  };

  int32_t start = 0;
  std::vector<State> states;
  std::vector<Edge> edges;
  std::vector<Text> texts;
  std::vector<TextUse> uses;

  const State& at(int32_t state) const { return states[static_cast<size_t>(state)]; }
  const Edge& edge(int32_t edge) const { return edges[static_cast<size_t>(edge)]; }
  const TextUse& use(int32_t use) const { return uses[static_cast<size_t>(use)]; }
  const Text& text(const TextUse& use) const { return texts[static_cast<size_t>(use.text)]; }
  /// Fewest bytes from a place in a text to the end of the rule that reads it.
  uint32_t text_cost(const TextUse& use, Text::Place place) const;

  int32_t add_state(bool final = false);
  void add_bytes(int32_t from, uint8_t first, uint8_t last, int32_t to);
  void add_skip(int32_t from, int32_t to);
  void add_call(int32_t from, int32_t rule, int32_t to);
  void add_text(int32_t from, int32_t text, std::vector<int32_t> targets);
  /// A chain of states for bytes; returns its last.
  int32_t add_literal(int32_t from, std::string_view bytes);
  /// The same, sharing the states of other literals that begin alike.
  int32_t add_shared_literal(int32_t from, std::string_view bytes);

  /// Finds what every state costs and takes out edges that lead nowhere. False if nothing is accepted.
  bool finish();

 private:
  void push_edge(int32_t from, Edge edge);
  void find_costs();
  uint32_t bytes_to(const TextUse& use, Text::Place place, int32_t label) const;
  uint32_t edge_cost(const Edge& edge) const;
};

}  // namespace honeybee::grammar
