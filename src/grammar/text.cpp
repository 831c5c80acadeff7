#include "grammar/text.h"

#include <algorithm>
#include <queue>

#include "grammar/effort.h"

namespace honeybee::grammar {
namespace {

// `partial` while a code point is being read. Of UTF-8: how many bytes are missing, of how many, and the bits
// so far. Of an escape sequence: what has been read of it.
constexpr uint32_t kEscape = 1u << 30;
constexpr uint32_t kAfterBackslash = kEscape;
constexpr uint32_t kAfterU = kEscape | 1;  // \u; two zeros and the two digits of a control character follow
constexpr uint32_t kAfterU0 = kEscape | 2;
constexpr uint32_t kAfterU00 = kEscape | 3;
constexpr uint32_t kAfterU000 = kEscape | 4;
constexpr uint32_t kAfterU001 = kEscape | 5;

constexpr uint32_t utf8_partial(uint32_t missing, uint32_t length, uint32_t bits) {
  return missing << 28 | length << 24 | bits;
}

constexpr char kShortNames[] = "\"\\bfnrt";
constexpr char kShortValues[] = "\"\\\b\f\n\r\t";

bool has_short_escape(uint32_t c) {
  return c == '"' || c == '\\' || c == 8 || c == 9 || c == 10 || c == 12 || c == 13;
}

// The code points that a UTF-8 sequence cut short may still become; first > last if none.
std::pair<uint32_t, uint32_t> range_of(uint32_t partial) {
  const uint32_t missing = partial >> 28 & 3;
  const uint32_t length = partial >> 24 & 7;
  const uint32_t bits = partial & 0xFFFFFF;
  const uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
  const uint32_t most = length == 2 ? 0x7FF : length == 3 ? 0xFFFF : kLastCodePoint;
  return {std::max(bits << 6 * missing, least),
          std::min((bits << 6 * missing) + (1u << 6 * missing) - 1, most)};
}

uint32_t bytes_of(uint32_t c, Writing writing) {
  if (writing == Writing::kJson && has_short_escape(c)) return 2;
  if (writing == Writing::kJson && c < 0x20) return 6;
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

// Fewest bytes that one of the code points takes.
uint32_t cheapest(uint32_t first, uint32_t last, Writing writing) {
  uint32_t best = bytes_of(last, writing);
  if (last >= 0x80) best = std::min(best, bytes_of(std::max(first, uint32_t{0x80}), writing));
  for (uint32_t c = first; c <= std::min(last, uint32_t{0x7F}); c++)
    best = std::min(best, bytes_of(c, writing));
  return best;
}

uint32_t plus(uint32_t a, uint32_t b) { return a == kNever || b == kNever ? kNever : a + b; }

}  // namespace

Text::Text(Dfa dfa, Writing writing) : writing_(writing), dfa_(std::move(dfa)) {
  for (const int32_t label : dfa_.labels) highest_label_ = std::max(highest_label_, label);
  find_costs();
}

Text Text::of_length(size_t min, size_t max) {
  Text text(Writing::kJson);
  text.counted_ = true;
  // Beyond what an answer can hold there is nothing to count.
  constexpr size_t kBeyond = size_t{1} << 30;
  text.min_ = std::min(min, kBeyond);
  text.max_ = max >= kBeyond ? SIZE_MAX : max;
  return text;
}

void Text::find_costs() {
  const size_t n = dfa_.states();
  const auto labels = static_cast<size_t>(highest_label_) + 1;
  Effort::spend(dfa_.edges.size() + labels * n);
  costs_.assign(labels * n, kNever);
  free_.assign(n, false);
  std::vector<std::vector<std::pair<int32_t, uint32_t>>> sources(n);
  using Item = std::pair<uint32_t, int32_t>;
  std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
  for (size_t s = 0; s < n; s++) {
    const auto state = static_cast<int32_t>(s);
    size_t covered = 0;
    for (const Dfa::Edge& edge : dfa_.from(state)) {
      sources[static_cast<size_t>(edge.target)].emplace_back(state,
                                                             cheapest(edge.first, edge.last, writing_));
      if (edge.target == state) covered += edge.last - edge.first + 1;
    }
    free_[s] = covered == kLastCodePoint + 1 - 0x800;
  }
  // Dijkstra's algorithm, backwards from the states of each label.
  for (size_t label = 0; label < labels; label++) {
    uint32_t* const costs = costs_.data() + label * n;
    for (size_t s = 0; s < n; s++) {
      if (dfa_.labels[s] != static_cast<int32_t>(label)) continue;
      costs[s] = 0;
      queue.emplace(0, static_cast<int32_t>(s));
    }
    while (!queue.empty()) {
      const auto [cost, state] = queue.top();
      queue.pop();
      if (cost > costs[state]) continue;
      for (const auto& [source, weight] : sources[static_cast<size_t>(state)]) {
        if (cost + weight >= costs[source]) continue;
        costs[source] = cost + weight;
        queue.emplace(cost + weight, source);
      }
    }
  }
}

int32_t Text::next(int32_t state, uint32_t c) const {
  if (!counted_) return dfa_.next(state, c);
  const auto count = static_cast<size_t>(state);
  if (max_ == SIZE_MAX) return static_cast<int32_t>(std::min(count + 1, min_));
  return count < max_ ? state + 1 : -1;
}

uint32_t Text::state_cost(int32_t state, int32_t label) const {
  if (!counted_) return costs_[static_cast<size_t>(label) * dfa_.states() + static_cast<size_t>(state)];
  return static_cast<uint32_t>(min_ - std::min(min_, static_cast<size_t>(state)));
}

uint32_t Text::cost_after(int32_t state, uint32_t first, uint32_t last, int32_t label) const {
  if (first > last) return kNever;
  if (counted_) {
    const int32_t target = next(state, first);
    const bool only_surrogates = first >= 0xD800 && last < 0xE000;
    return target < 0 || only_surrogates ? kNever : state_cost(target, label);
  }
  const auto edges = dfa_.from(state);
  auto edge = std::lower_bound(edges.begin(), edges.end(), first,
                               [](const Dfa::Edge& e, uint32_t value) { return e.last < value; });
  uint32_t best = kNever;
  for (; edge != edges.end() && edge->first <= last; ++edge)
    best = std::min(best, state_cost(edge->target, label));
  return best;
}

uint32_t Text::cost_inside(Place place, int32_t label) const {
  const uint32_t partial = place.partial;
  if (partial < kEscape) {
    const auto [first, last] = range_of(partial);
    return plus(partial >> 28, cost_after(place.state, first, last, label));
  }
  const auto after = [&](uint32_t c) { return cost_after(place.state, c, c, label); };
  uint32_t best = kNever;
  if (partial == kAfterBackslash) {
    for (const char c : std::string_view(kShortValues))
      best = std::min(best, plus(1, after(static_cast<uint8_t>(c))));
  }
  for (uint32_t c = 0; c < 0x20; c++) {
    if (has_short_escape(c)) continue;
    if (partial == kAfterU000 && c >= 0x10) continue;
    if (partial == kAfterU001 && c < 0x10) continue;
    const uint32_t missing = partial >= kAfterU000 ? 1 : 5 - (partial - kEscape);
    best = std::min(best, plus(missing, after(c)));
  }
  return best;
}

Text::Step Text::step(Place& place, uint8_t byte) const {
  const auto finish = [&](uint32_t c) {
    place = {next(place.state, c), 0};
    return place.state < 0 ? Step::kDead : Step::kInside;
  };
  const auto go_on = [&](uint32_t partial) {
    place.partial = partial;
    for (int32_t label = 0; label <= highest_label_; label++) {
      if (cost_inside(place, label) != kNever) return Step::kInside;
    }
    return Step::kDead;
  };
  const uint32_t partial = place.partial;
  if (partial == 0) {
    if (writing_ == Writing::kJson) {
      if (byte == '"') return label(place) == Dfa::kRejects ? Step::kDead : Step::kClosed;
      if (byte == '\\') return go_on(kAfterBackslash);
      if (byte < 0x20) return Step::kDead;
    }
    if (byte < 0x80) return finish(byte);
    if (byte < 0xC2 || byte > 0xF4) return Step::kDead;
    const uint32_t length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return go_on(utf8_partial(length - 1, length, byte & (0x7Fu >> length)));
  }
  if (partial < kEscape) {
    if ((byte & 0xC0) != 0x80) return Step::kDead;
    const uint32_t bits = (partial & 0xFFFFFF) << 6 | (byte & 63u);
    const uint32_t missing = (partial >> 28) - 1;
    const uint32_t length = partial >> 24 & 7;
    const uint32_t rest = utf8_partial(missing, length, bits);
    if (missing > 0) return go_on(rest);
    const auto [first, last] = range_of(rest);
    return first > last ? Step::kDead : finish(bits);
  }
  const int digit = hex_digit(static_cast<char>(byte));
  switch (partial) {
    case kAfterBackslash: {
      if (byte == 'u') return go_on(kAfterU);
      const size_t known = std::string_view(kShortNames).find(static_cast<char>(byte));
      return known == std::string_view::npos ? Step::kDead
                                             : finish(static_cast<uint8_t>(kShortValues[known]));
    }
    case kAfterU:
      return byte == '0' ? go_on(kAfterU0) : Step::kDead;
    case kAfterU0:
      return byte == '0' ? go_on(kAfterU00) : Step::kDead;
    case kAfterU00:
      return byte == '0' ? go_on(kAfterU000) : byte == '1' ? go_on(kAfterU001) : Step::kDead;
    default: {
      if (digit < 0 || (byte >= 'A' && byte <= 'F')) return Step::kDead;
      const uint32_t c = (partial == kAfterU001 ? 0x10u : 0u) + static_cast<uint32_t>(digit);
      return has_short_escape(c) ? Step::kDead : finish(c);
    }
  }
}

int32_t Text::label(Place place) const {
  if (place.partial != 0) return Dfa::kRejects;
  if (!counted_) return dfa_.labels[static_cast<size_t>(place.state)];
  return static_cast<size_t>(place.state) >= min_ ? 0 : Dfa::kRejects;
}

uint32_t Text::cost(Place place, int32_t label) const {
  return place.partial == 0 ? state_cost(place.state, label) : cost_inside(place, label);
}

bool Text::can_go_on(Place place) const {
  if (place.partial != 0) return true;
  if (counted_) return next(place.state, 'a') >= 0;
  return !dfa_.from(place.state).empty();
}

size_t Text::free_code_points(Place place) const {
  if (place.partial != 0) return 0;
  if (!counted_) return free_[static_cast<size_t>(place.state)] ? SIZE_MAX : 0;
  return max_ == SIZE_MAX ? SIZE_MAX : max_ - static_cast<size_t>(place.state);
}

}  // namespace honeybee::grammar
