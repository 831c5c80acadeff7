#include "grammar/token_masks.h"

#include <algorithm>

namespace honeybee::grammar {
namespace {

constexpr size_t kMostKeptBytes = 8 << 20;
// Ways of reading that a walk may follow, one for each byte it looks at: a tenth of a second. Schemas that
// people write need one or two for each node of the tree; one that can be read in thousands of ways at once
// would hold up the whole batch.
constexpr size_t kMostWays = 2'000'000;

using Position = Matcher::Position;

/// Walks trees of tokens from a position and notes those that a document may go on with.
class Walk {
 public:
  Walk(Matcher& matcher, const Vocabulary& vocabulary, uint32_t most_cost)
      : matcher_(matcher), vocabulary_(vocabulary), most_cost_(most_cost) {
    mask_.bits.resize((vocabulary.size() + 31) / 32);
  }

  TokenMask run(bool at_start) {
    const Position& from = matcher_.position();
    if (at_start) {
      walk(from, vocabulary_.first());
    } else {
      // Inside a string that may hold anything most tokens need no look.
      Position open;
      Position others;
      for (const Matcher::Config& config : from.configs)
        (take_plain(config) ? open : others).configs.push_back(config);
      if (!others.configs.empty()) walk(others, vocabulary_.all());
      if (!open.configs.empty()) walk(open, vocabulary_.odd());
    }
    return std::move(mask_);
  }

  /// The fewest bytes to the end that a token leaves which was left out for `most_cost`.
  uint32_t best_left_out() const { return best_left_out_; }

 private:
  bool take_plain(const Matcher::Config& config) {
    if (config.use < 0) return false;
    const Automaton& a = matcher_.automaton();
    const Text& text = a.text(a.use(config.use));
    if (text.writing() != Writing::kJson) return false;
    const size_t free = text.free_code_points(config.place);
    const uint32_t cost = matcher_.cost(config);
    if (free == 0 || cost > most_cost_) return false;
    const auto plain = vocabulary_.plain(free);
    for (size_t i = 0; i < plain.size(); i++) mask_.bits[i] |= plain[i];
    mask_.any = true;
    mask_.worst = std::max(mask_.worst, cost);
    return true;
  }

  void walk(const Position& from, const TokenTree& tree) {
    const size_t begin = matcher_.mark();
    if (marks_.empty()) marks_.push_back(begin);
    marks_[0] = begin;
    for (size_t node = 0; node < tree.size();) {
      const TokenTree::Node& here = tree.nodes[node];
      const size_t depth = here.depth;
      if (positions_.size() <= depth) positions_.resize(depth + 1);
      if (marks_.size() <= depth) marks_.resize(depth + 1);
      matcher_.forget(marks_[depth - 1]);
      Position& to = positions_[depth];
      const Position& before = depth == 1 ? from : positions_[depth - 1];
      follow(before.configs.size());
      matcher_.step(before, here.byte, to);
      if (to.dead()) {
        node = static_cast<size_t>(here.next);
        continue;
      }
      marks_[depth] = matcher_.mark();
      const auto tokens = tree.at(node);
      if (!tokens.empty()) take(tokens, matcher_.cost(to));
      node++;
    }
    matcher_.forget(begin);
  }

  void follow(size_t ways) {
    ways_ += ways;
    limit(ways_, kMostWays, "what may come next");
  }

  void take(std::span<const int32_t> tokens, uint32_t cost) {
    if (cost > most_cost_) {
      best_left_out_ = std::min(best_left_out_, cost);
      return;
    }
    mask_.any = true;
    mask_.worst = std::max(mask_.worst, cost);
    for (const int32_t token : tokens) mask_.bits[static_cast<size_t>(token) / 32] |= 1u << token % 32;
  }

  Matcher& matcher_;
  const Vocabulary& vocabulary_;
  const uint32_t most_cost_;
  TokenMask mask_;
  uint32_t best_left_out_ = kNever;
  size_t ways_ = 0;
  std::vector<Position> positions_;  ///< by depth in the tree
  std::vector<size_t> marks_;        ///< of the matcher, after each of them
};

}  // namespace

std::shared_ptr<const TokenMask> TokenMasks::mask(Matcher& matcher, bool at_start, uint32_t most_cost) {
  auto whole = whole_mask(matcher, at_start);
  if (!whole->any || whole->worst <= most_cost) return whole;
  Walk narrow(matcher, *vocabulary_, most_cost);
  auto mask = std::make_shared<TokenMask>(narrow.run(at_start));
  if (mask->any) return mask;
  return std::make_shared<TokenMask>(Walk(matcher, *vocabulary_, narrow.best_left_out()).run(at_start));
}

std::shared_ptr<const TokenMask> TokenMasks::whole_mask(Matcher& matcher, bool at_start) {
  const uint64_t key = matcher.hash(matcher.position()) * 2 + (at_start ? 1 : 0);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
  }
  auto mask = std::make_shared<const TokenMask>(Walk(matcher, *vocabulary_, kNever - 1).run(at_start));
  const std::lock_guard lock(mutex_);
  if ((kept_.size() + 1) * mask->bits.size() * sizeof(uint32_t) > kMostKeptBytes) kept_.clear();
  kept_.emplace(key, mask);
  return mask;
}

}  // namespace honeybee::grammar
