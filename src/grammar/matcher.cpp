#include "grammar/matcher.h"

#include <algorithm>

namespace honeybee::grammar {
namespace {

// Beyond so many ways at once, which only a schema made for it reaches, further ones are given up: what is
// still accepted stays right.
constexpr size_t kMostConfigs = 8192;

uint64_t mixed(uint64_t a, uint64_t b) {
  uint64_t x = a ^ (b + 0x9E3779B97F4A7C15u + (a << 6) + (a >> 2));
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

uint64_t pair_of(int32_t a, int32_t b) {
  return uint64_t{static_cast<uint32_t>(a)} << 32 | static_cast<uint32_t>(b);
}

uint32_t plus(uint32_t a, uint32_t b) { return a == kNever || b == kNever ? kNever : a + b; }

}  // namespace

Matcher::Matcher(Grammar grammar) : grammar_(std::move(grammar)) { enter(-1, grammar_->start, position_); }

bool Matcher::advance(std::string_view bytes) {
  for (const char byte : bytes) {
    step(position_, static_cast<uint8_t>(byte), next_);
    std::swap(position_, next_);
    if (position_.dead()) return false;
  }
  if (frames_.size() > compact_at_) compact();
  return true;
}

void Matcher::step(const Position& from, uint8_t byte, Position& to) {
  const Automaton& a = *grammar_;
  to.configs.clear();
  to.complete = false;
  seen_.clear();
  if (!seen_more_.empty()) seen_more_.clear();
  for (const Config& config : from.configs) {
    if (config.use < 0) {
      for (int32_t e = a.at(config.state).edges; e >= 0; e = a.edge(e).following) {
        const Automaton::Edge& edge = a.edge(e);
        if (edge.kind == Automaton::Edge::Kind::kByte && byte >= edge.first && byte <= edge.last)
          enter(config.frame, edge.target, to);
      }
      continue;
    }
    const Automaton::TextUse& use = a.use(config.use);
    Config next = config;
    switch (a.text(use).step(next.place, byte)) {
      case Text::Step::kDead:
        break;
      case Text::Step::kInside:
        add(next, to);
        break;
      case Text::Step::kClosed: {
        const int32_t target = use.targets[static_cast<size_t>(a.text(use).label(config.place))];
        if (target >= 0) enter(config.frame, target, to);
        break;
      }
    }
  }
}

// Adds a state and all that it reaches without reading.
void Matcher::enter(int32_t frame, int32_t state, Position& to) {
  const Automaton& a = *grammar_;
  todo_.clear();
  todo_.emplace_back(frame, state);
  while (!todo_.empty()) {
    const auto [f, s] = todo_.back();
    todo_.pop_back();
    const Automaton::State& here = a.at(s);
    if (here.reads) add({f, s, -1, {}}, to);
    if (here.final) {
      if (f < 0)
        to.complete = true;
      else
        todo_.emplace_back(frames_[static_cast<size_t>(f)].parent, frames_[static_cast<size_t>(f)].back);
    }
    if (todo_.size() + to.configs.size() > kMostConfigs) continue;
    for (int32_t e = here.edges; e >= 0; e = a.edge(e).following) {
      const Automaton::Edge& edge = a.edge(e);
      switch (edge.kind) {
        case Automaton::Edge::Kind::kByte:
          break;
        case Automaton::Edge::Kind::kSkip:
          todo_.emplace_back(f, edge.target);
          break;
        case Automaton::Edge::Kind::kCall: {
          // Where nothing is left to do after the call, its caller is the caller's caller.
          const Automaton::State& back = a.at(edge.target);
          todo_.emplace_back(back.final && back.edges < 0 ? f : push(f, edge.target), edge.callee);
          break;
        }
        case Automaton::Edge::Kind::kText:
          add({f, -1, edge.callee, {}}, to);
          break;
      }
    }
  }
}

void Matcher::add(const Config& config, Position& to) {
  if (config.use >= 0) {
    const Automaton::TextUse& use = grammar_->use(config.use);
    const Text& text = grammar_->text(use);
    if (use.targets.size() > 1 && grammar_->text_cost(use, config.place) == kNever) return;
    if (text.writing() == Writing::kPlain) {
      // Such a text has no end of its own: wherever it may end, the rule may go on.
      const int32_t label = text.label(config.place);
      if (label != Dfa::kRejects && config.frame < 0) to.complete = true;
      if (!text.can_go_on(config.place)) return;
    }
  }
  if (to.configs.size() >= kMostConfigs || !is_new(hash(config))) return;
  to.configs.push_back(config);
}

// Whether this step has not met the config yet. Mostly there are one or two.
bool Matcher::is_new(uint64_t config) {
  constexpr size_t kFew = 32;
  if (std::find(seen_.begin(), seen_.end(), config) != seen_.end()) return false;
  if (seen_.size() < kFew) {
    seen_.push_back(config);
    return true;
  }
  return seen_more_.insert(config).second;
}

int32_t Matcher::push(int32_t frame, int32_t back) {
  frames_.push_back({frame, back, plus(grammar_->at(back).cost, frame_cost(frame)),
                     mixed(frame_hash(frame), static_cast<uint64_t>(back))});
  return static_cast<int32_t>(frames_.size()) - 1;
}

uint64_t Matcher::frame_hash(int32_t frame) const {
  return frame < 0 ? 1 : frames_[static_cast<size_t>(frame)].hash;
}

uint32_t Matcher::frame_cost(int32_t frame) const {
  return frame < 0 ? 0 : frames_[static_cast<size_t>(frame)].cost;
}

uint64_t Matcher::hash(const Config& config) const {
  const uint64_t local = mixed(pair_of(config.state, config.use),
                               pair_of(config.place.state, static_cast<int32_t>(config.place.partial)));
  return mixed(frame_hash(config.frame), local);
}

uint64_t Matcher::hash(const Position& position) const {
  uint64_t sum = position.complete ? 1 : 0;
  for (const Config& config : position.configs) sum += hash(config);
  return mixed(sum, position.configs.size());
}

uint32_t Matcher::cost(const Config& config) const {
  const uint32_t local = config.use < 0 ? grammar_->at(config.state).cost
                                        : grammar_->text_cost(grammar_->use(config.use), config.place);
  return plus(local, frame_cost(config.frame));
}

uint32_t Matcher::cost(const Position& position) const {
  if (position.complete) return 0;
  uint32_t best = kNever;
  for (const Config& config : position.configs) best = std::min(best, cost(config));
  return best;
}

// Keeps the frames that the position still refers to, in their order.
void Matcher::compact() {
  std::vector<int32_t> places(frames_.size(), -1);
  for (const Config& config : position_.configs) {
    for (int32_t f = config.frame; f >= 0 && places[static_cast<size_t>(f)] < 0;
         f = frames_[static_cast<size_t>(f)].parent)
      places[static_cast<size_t>(f)] = 0;
  }
  size_t kept = 0;
  for (size_t f = 0; f < frames_.size(); f++) {
    if (places[f] < 0) continue;
    places[f] = static_cast<int32_t>(kept);
    Frame frame = frames_[f];
    if (frame.parent >= 0) frame.parent = places[static_cast<size_t>(frame.parent)];
    frames_[kept++] = frame;
  }
  frames_.resize(kept);
  for (Config& config : position_.configs) {
    if (config.frame >= 0) config.frame = places[static_cast<size_t>(config.frame)];
  }
  compact_at_ = 2 * kept + 1024;
}

}  // namespace honeybee::grammar
