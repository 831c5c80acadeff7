#include "grammar/dfa.h"

#include <algorithm>
#include <deque>
#include <map>

#include "grammar/effort.h"
#include "grammar/limits.h"

namespace honeybee::grammar {
namespace {

// The code points that text can hold, in two ranges.
constexpr uint32_t kRanges[2][2] = {{0, 0xD7FF}, {0xE000, kLastCodePoint}};

// Calls `visit(first, last)` for the parts of a range that are no surrogates.
template <class Visit>
void without_surrogates(uint32_t first, uint32_t last, Visit visit) {
  for (const auto& range : kRanges) {
    const uint32_t low = std::max(first, range[0]);
    const uint32_t high = std::min(last, range[1]);
    if (low <= high) visit(low, high);
  }
}

}  // namespace

int32_t Dfa::next(int32_t state, uint32_t c) const {
  const auto edges_of = from(state);
  const auto edge = std::upper_bound(edges_of.begin(), edges_of.end(), c,
                                     [](uint32_t value, const Edge& e) { return value < e.first; });
  return edge != edges_of.begin() && c <= (edge - 1)->last ? (edge - 1)->target : -1;
}

int32_t Dfa::match(std::string_view utf8) const {
  int32_t state = empty() ? -1 : 0;
  for (size_t at = 0; at < utf8.size() && state >= 0;) state = next(state, take_utf8(utf8, at));
  return state < 0 ? kRejects : labels[static_cast<size_t>(state)];
}

void Dfa::close_state(int32_t label) {
  if (begins.empty()) begins.push_back(0);
  begins.push_back(static_cast<uint32_t>(edges.size()));
  labels.push_back(label);
}

Dfa any_text() {
  Dfa out;
  for (const auto& range : kRanges) out.edges.push_back({range[0], range[1], 0});
  out.close_state(0);
  return out;
}

Dfa texts_of_length(size_t min, size_t max) {
  limit(std::max(min, max == SIZE_MAX ? 0 : max), kMostTextStates, "a string length beside a pattern");
  Dfa out;
  const size_t last = max == SIZE_MAX ? min : max;
  for (size_t n = 0; n <= last; n++) {
    const size_t target = std::min(n + 1, last);
    if (n < last || max == SIZE_MAX) {
      for (const auto& range : kRanges)
        out.edges.push_back({range[0], range[1], static_cast<int32_t>(target)});
    }
    out.close_state(n >= min ? 0 : Dfa::kRejects);
  }
  return out;
}

Dfa texts_named(std::span<const std::string> names) {
  struct Node {
    std::map<uint32_t, int32_t> next;
    int32_t label = Dfa::kRejects;
  };
  std::vector<Node> nodes(1);
  for (size_t i = 0; i < names.size(); i++) {
    size_t node = 0;
    for (size_t at = 0; at < names[i].size();) {
      const auto [place, added] =
          nodes[node].next.try_emplace(take_utf8(names[i], at), static_cast<int32_t>(nodes.size()));
      node = static_cast<size_t>(place->second);
      if (added) nodes.emplace_back();
    }
    nodes[node].label = static_cast<int32_t>(i);
    limit(nodes.size(), kMostTextStates, "an object's set of property names");
  }
  Dfa out;
  for (const Node& node : nodes) {
    for (const auto& [c, target] : node.next) out.edges.push_back({c, c, target});
    out.close_state(node.label);
  }
  return out;
}

Dfa product(std::span<const Dfa* const> components, bool all,
            const std::function<int32_t(std::span<const int32_t>)>& label) {
  using Tuple = std::vector<int32_t>;  // -1: this component accepts nothing any more
  const size_t n = components.size();
  Tuple start(n);
  for (size_t i = 0; i < n; i++) start[i] = components[i]->empty() ? -1 : 0;
  std::map<Tuple, int32_t> numbers;
  std::deque<Tuple> tuples;  // whose elements stay where they are
  const auto number_of = [&](const Tuple& tuple) {
    const auto [place, added] = numbers.try_emplace(tuple, static_cast<int32_t>(tuples.size()));
    if (added) tuples.push_back(tuple);
    limit(tuples.size(), kMostTextStates, "a set of strings");
    return place->second;
  };
  const auto hopeless = [&](const Tuple& tuple) {
    return all && std::find(tuple.begin(), tuple.end(), -1) != tuple.end();
  };
  Dfa out;
  if (hopeless(start)) return out;
  number_of(start);
  std::vector<uint32_t> cuts;
  for (size_t s = 0; s < tuples.size(); s++) {
    const Tuple& tuple = tuples[s];
    // Between two cuts no component's edge begins or ends.
    cuts = {0, 0xD800, 0xE000, kLastCodePoint + 1};
    for (size_t i = 0; i < n; i++) {
      if (tuple[i] < 0) continue;
      for (const Dfa::Edge& edge : components[i]->from(tuple[i])) {
        cuts.push_back(edge.first);
        cuts.push_back(edge.last + 1);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    Effort::spend(cuts.size() * n);
    Tuple next(n);
    for (size_t c = 0; c + 1 < cuts.size(); c++) {
      if (cuts[c] == 0xD800) continue;
      for (size_t i = 0; i < n; i++) next[i] = tuple[i] < 0 ? -1 : components[i]->next(tuple[i], cuts[c]);
      if (hopeless(next)) continue;
      const int32_t target = number_of(next);
      const uint32_t last = cuts[c + 1] - 1;
      const bool joins = !out.edges.empty() &&
                         out.edges.size() > (out.begins.empty() ? 0 : out.begins.back()) &&
                         out.edges.back().target == target && out.edges.back().last + 1 == cuts[c];
      if (joins)
        out.edges.back().last = last;
      else
        out.edges.push_back({cuts[c], last, target});
    }
    limit(out.edges.size(), kMostTextEdges, "a set of strings");
    std::vector<int32_t> labels(n);
    for (size_t i = 0; i < n; i++)
      labels[i] = tuple[i] < 0 ? Dfa::kRejects : components[i]->labels[static_cast<size_t>(tuple[i])];
    out.close_state(label(labels));
  }
  return trimmed(out);
}

Dfa intersection(std::span<const Dfa* const> components) {
  return product(components, true, [](std::span<const int32_t> labels) {
    return std::find(labels.begin(), labels.end(), Dfa::kRejects) == labels.end() ? 0 : Dfa::kRejects;
  });
}

Dfa trimmed(const Dfa& dfa) {
  std::vector<std::vector<int32_t>> sources(dfa.states());
  std::vector<int32_t> todo;
  std::vector<bool> alive(dfa.states());
  for (size_t s = 0; s < dfa.states(); s++) {
    for (const Dfa::Edge& edge : dfa.from(static_cast<int32_t>(s)))
      sources[static_cast<size_t>(edge.target)].push_back(static_cast<int32_t>(s));
    if (dfa.labels[s] == Dfa::kRejects) continue;
    alive[s] = true;
    todo.push_back(static_cast<int32_t>(s));
  }
  while (!todo.empty()) {
    const auto s = static_cast<size_t>(todo.back());
    todo.pop_back();
    for (const int32_t source : sources[s]) {
      if (alive[static_cast<size_t>(source)]) continue;
      alive[static_cast<size_t>(source)] = true;
      todo.push_back(source);
    }
  }
  Dfa out;
  if (dfa.empty() || !alive[0]) return out;
  std::vector<int32_t> numbers(dfa.states(), -1);
  int32_t count = 0;
  for (size_t s = 0; s < dfa.states(); s++) {
    if (alive[s]) numbers[s] = count++;
  }
  for (size_t s = 0; s < dfa.states(); s++) {
    if (!alive[s]) continue;
    for (const Dfa::Edge& edge : dfa.from(static_cast<int32_t>(s))) {
      const int32_t target = numbers[static_cast<size_t>(edge.target)];
      if (target < 0) continue;
      without_surrogates(edge.first, edge.last,
                         [&](uint32_t first, uint32_t last) { out.edges.push_back({first, last, target}); });
    }
    out.close_state(dfa.labels[s]);
  }
  return out;
}

}  // namespace honeybee::grammar
