#include "grammar/automaton.h"

#include <algorithm>
#include <queue>

#include "grammar/effort.h"

namespace honeybee::grammar {
namespace {

uint32_t plus(uint32_t a, uint32_t b) { return a == kNever || b == kNever ? kNever : a + b; }

}  // namespace

int32_t Automaton::add_state(bool final) {
  limit(states.size(), kMostStates, "the schema");
  State state;
  state.final = final;
  states.push_back(state);
  return static_cast<int32_t>(states.size()) - 1;
}

void Automaton::push_edge(int32_t from, Edge edge) {
  limit(edges.size(), 2 * kMostStates, "the schema");
  State& state = states[static_cast<size_t>(from)];
  edge.following = state.edges;
  state.edges = static_cast<int32_t>(edges.size());
  state.reads = state.reads || edge.kind == Edge::Kind::kByte;
  edges.push_back(edge);
}

void Automaton::add_bytes(int32_t from, uint8_t first, uint8_t last, int32_t to) {
  push_edge(from, {Edge::Kind::kByte, first, last, to});
}

void Automaton::add_skip(int32_t from, int32_t to) { push_edge(from, {Edge::Kind::kSkip, 0, 0, to}); }

void Automaton::add_call(int32_t from, int32_t rule, int32_t to) {
  push_edge(from, {Edge::Kind::kCall, 0, 0, to, rule});
}

void Automaton::add_text(int32_t from, int32_t text, std::vector<int32_t> targets) {
  uses.push_back({text, std::move(targets)});
  push_edge(from, {Edge::Kind::kText, 0, 0, -1, static_cast<int32_t>(uses.size()) - 1});
}

int32_t Automaton::add_literal(int32_t from, std::string_view bytes) {
  for (const char c : bytes) {
    const int32_t to = add_state();
    add_bytes(from, static_cast<uint8_t>(c), static_cast<uint8_t>(c), to);
    from = to;
  }
  return from;
}

int32_t Automaton::add_shared_literal(int32_t from, std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); i++) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    int32_t e = at(from).edges;
    while (e >= 0 && !(edge(e).kind == Edge::Kind::kByte && edge(e).first == byte)) e = edge(e).following;
    if (e < 0) return add_literal(from, bytes.substr(i));
    from = edge(e).target;
  }
  return from;
}

uint32_t Automaton::text_cost(const TextUse& use, Text::Place place) const {
  uint32_t best = kNever;
  for (size_t label = 0; label < use.targets.size(); label++) {
    const int32_t target = use.targets[label];
    if (target < 0) continue;
    best = std::min(best, plus(bytes_to(use, place, static_cast<int32_t>(label)), at(target).cost));
  }
  return best;
}

// Fewest bytes from a place in a text to its end with a label.
uint32_t Automaton::bytes_to(const TextUse& use, Text::Place place, int32_t label) const {
  const Text& t = text(use);
  return t.empty() ? kNever : plus(t.cost(place, label), t.writing() == Writing::kJson ? 1 : 0);
}

uint32_t Automaton::edge_cost(const Edge& e) const {
  switch (e.kind) {
    case Edge::Kind::kByte:
      return plus(1, at(e.target).cost);
    case Edge::Kind::kSkip:
      return at(e.target).cost;
    case Edge::Kind::kCall:
      return plus(at(e.callee).cost, at(e.target).cost);
    case Edge::Kind::kText:
      return text_cost(use(e.callee), {});
  }
  return kNever;
}

// Knuth's generalisation of Dijkstra's algorithm: a state's cost is final when it comes up, and what an edge
// costs is the sum of one or two of them.
void Automaton::find_costs() {
  struct Need {
    int32_t user;       ///< costs at most what the needed state costs,
    int32_t with;       ///< and this one unless -1,
    uint32_t bytes;     ///< and so many bytes
    int32_t following;  ///< the next one of the same state
  };
  std::vector<Need> needs;
  std::vector<int32_t> first(states.size(), -1);
  const auto need = [&](int32_t needed, int32_t user, int32_t with, uint32_t bytes) {
    if (bytes == kNever) return;
    needs.push_back({user, with, bytes, first[static_cast<size_t>(needed)]});
    first[static_cast<size_t>(needed)] = static_cast<int32_t>(needs.size()) - 1;
  };
  using Item = std::pair<uint32_t, int32_t>;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  for (size_t s = 0; s < states.size(); s++) {
    const auto user = static_cast<int32_t>(s);
    states[s].cost = states[s].final ? 0 : kNever;
    if (states[s].final) queue.emplace(0, user);
    for (int32_t e = states[s].edges; e >= 0; e = edge(e).following) {
      const Edge& here = edge(e);
      if (here.kind == Edge::Kind::kText) {
        const std::vector<int32_t>& targets = use(here.callee).targets;
        for (size_t label = 0; label < targets.size(); label++) {
          if (targets[label] >= 0)
            need(targets[label], user, -1, bytes_to(use(here.callee), {}, static_cast<int32_t>(label)));
        }
      } else {
        const int32_t callee = here.kind == Edge::Kind::kCall ? here.callee : -1;
        const uint32_t bytes = here.kind == Edge::Kind::kByte ? 1 : 0;
        need(here.target, user, callee, bytes);
        if (callee >= 0) need(callee, user, here.target, bytes);
      }
    }
  }
  Effort::spend(2 * needs.size());
  while (!queue.empty()) {
    const auto [cost, state] = queue.top();
    queue.pop();
    if (cost > at(state).cost) continue;
    for (int32_t n = first[static_cast<size_t>(state)]; n >= 0; n = needs[static_cast<size_t>(n)].following) {
      const Need& here = needs[static_cast<size_t>(n)];
      const uint32_t all = plus(plus(cost, here.bytes), here.with < 0 ? 0 : at(here.with).cost);
      State& user = states[static_cast<size_t>(here.user)];
      if (all >= user.cost) continue;
      user.cost = all;
      queue.emplace(all, here.user);
    }
  }
}

bool Automaton::finish() {
  find_costs();
  for (TextUse& u : uses) {
    for (int32_t& target : u.targets) {
      if (target >= 0 && at(target).cost == kNever) target = -1;
    }
  }
  for (State& state : states) {
    state.reads = false;
    int32_t* link = &state.edges;
    while (*link >= 0) {
      Edge& e = edges[static_cast<size_t>(*link)];
      if (edge_cost(e) == kNever) {
        *link = e.following;
        continue;
      }
      state.reads = state.reads || e.kind == Edge::Kind::kByte;
      link = &e.following;
    }
  }
  return at(start).cost != kNever;
}

}  // namespace honeybee::grammar
