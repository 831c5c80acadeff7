#include "grammar/regex.h"

#include <algorithm>
#include <map>

#include "grammar/effort.h"
#include "grammar/limits.h"
#include "grammar/regex_tree.h"

namespace honeybee::grammar {
namespace {

// Thompson's construction and the subset construction (Aho, Sethi, Ullman, 3.7). Anchors are empty steps
// that may only be taken before the first or after the last code point.
class Builder {
 public:
  explicit Builder(const RegexTree& tree) : tree_(tree) {}

  Dfa build(bool anywhere) {
    const int end = add(Step::Kind::kAccept);
    int start = 0;
    if (anywhere) {
      const int tail = add_set(kAny);
      const int fork = add_fork(tail, end);
      steps_[static_cast<size_t>(tail)].out = fork;
      tail_ = fork;
      start = prefixed(emit(tree_.root, fork));
    } else {
      start = emit(tree_.root, end);
    }
    return determinize(start);
  }

 private:
  struct Step {
    enum class Kind { kSet, kFork, kStart, kEnd, kAccept };
    Kind kind;
    int out = -1;
    int other = -1;
    const CodePoints* set = nullptr;
  };
  using Steps = std::vector<int>;

  int add(Step::Kind kind) {
    limit(steps_.size(), kMostPatternNodes, "a pattern");
    steps_.push_back({kind});
    return static_cast<int>(steps_.size()) - 1;
  }
  int add_fork(int out, int other) {
    const int step = add(Step::Kind::kFork);
    steps_[static_cast<size_t>(step)].out = out;
    steps_[static_cast<size_t>(step)].other = other;
    return step;
  }
  int add_set(const CodePoints& set) {
    const int step = add(Step::Kind::kSet);
    steps_[static_cast<size_t>(step)].set = &set;
    return step;
  }
  int prefixed(int body) {
    const int head = add_set(kAny);
    const int fork = add_fork(head, body);
    steps_[static_cast<size_t>(head)].out = fork;
    return fork;
  }

  // The steps of a node that go on at `next`; returns the first.
  int emit(int at, int next) {
    Effort::spend(1);  // repetitions of nothing add no step
    const RegexTree::Node& node = tree_.nodes[static_cast<size_t>(at)];
    using Kind = RegexTree::Node::Kind;
    switch (node.kind) {
      case Kind::kSet: {
        const int step = add_set(node.set);
        steps_[static_cast<size_t>(step)].out = next;
        return step;
      }
      case Kind::kSequence:
        for (size_t i = node.parts.size(); i > 0; i--) next = emit(node.parts[i - 1], next);
        return next;
      case Kind::kChoice: {
        int all = emit(node.parts.back(), next);
        for (size_t i = node.parts.size() - 1; i > 0; i--) all = add_fork(emit(node.parts[i - 1], next), all);
        return all;
      }
      case Kind::kRepeat: {
        int rest = next;
        if (node.max < 0) {
          rest = add_fork(-1, next);
          const int body = emit(node.parts[0], rest);
          steps_[static_cast<size_t>(rest)].out = body;
        }
        for (int i = node.min; i < node.max; i++) rest = add_fork(emit(node.parts[0], rest), next);
        for (int i = 0; i < node.min; i++) rest = emit(node.parts[0], rest);
        return rest;
      }
      case Kind::kStart:
      case Kind::kEnd: {
        const int step = add(node.kind == Kind::kStart ? Step::Kind::kStart : Step::Kind::kEnd);
        steps_[static_cast<size_t>(step)].out = next;
        return step;
      }
    }
    return next;
  }

  // Follows empty steps. `steps` becomes what reads or accepts, ascending; what lies behind a $ is kept
  // apart, since nothing may be read after it.
  void close(Steps& steps, bool at_start, bool& accepts) {
    std::vector<std::pair<int, bool>> todo;  // the step, and whether it lies behind a $
    for (const int step : steps) todo.emplace_back(step, false);
    steps.clear();
    accepts = false;
    size_t seen = 0;
    epoch_++;
    seen_.resize(2 * steps_.size(), 0);
    while (!todo.empty()) {
      const auto [at, ended] = todo.back();
      todo.pop_back();
      uint32_t& mark = seen_[2 * static_cast<size_t>(at) + (ended ? 1 : 0)];
      if (mark == epoch_) continue;
      mark = epoch_;
      seen++;
      const Step& step = steps_[static_cast<size_t>(at)];
      switch (step.kind) {
        case Step::Kind::kSet:
          if (!ended) steps.push_back(at);
          break;
        case Step::Kind::kAccept:
          accepts = true;
          break;
        case Step::Kind::kFork:
          todo.emplace_back(step.out, ended);
          todo.emplace_back(step.other, ended);
          break;
        case Step::Kind::kStart:
          if (at_start) todo.emplace_back(step.out, ended);
          break;
        case Step::Kind::kEnd:
          todo.emplace_back(step.out, true);
          break;
      }
    }
    Effort::spend(seen);
    // Once found, a pattern stays found: nothing else matters.
    if (tail_ >= 0 && seen_[2 * static_cast<size_t>(tail_)] == epoch_)
      steps = {steps_[static_cast<size_t>(tail_)].out};
    std::sort(steps.begin(), steps.end());
  }

  Dfa determinize(int start) {
    std::map<std::pair<Steps, bool>, int32_t> numbers;
    std::vector<std::pair<Steps, bool>> sets;
    const auto number_of = [&](Steps steps, bool at_start) {
      bool accepts = false;
      close(steps, at_start, accepts);
      const auto [place, added] =
          numbers.try_emplace({std::move(steps), accepts}, static_cast<int32_t>(sets.size()));
      if (added) sets.push_back(place->first);
      limit(sets.size(), kMostTextStates, "a pattern");
      return place->second;
    };
    number_of({start}, true);
    Dfa out;
    for (size_t s = 0; s < sets.size(); s++) {
      const auto [steps, accepts] = sets[s];
      // Sweep over the bounds of all ranges; between two of them the same steps read.
      std::vector<std::pair<uint32_t, int>> bounds;  // step + 1 begins, -(step + 1) ends
      for (const int step : steps) {
        for (const auto& [first, last] : *steps_[static_cast<size_t>(step)].set) {
          bounds.emplace_back(first, step + 1);
          bounds.emplace_back(last + 1, -(step + 1));
        }
      }
      std::sort(bounds.begin(), bounds.end());
      Steps reading;
      std::map<Steps, int32_t> known;
      for (size_t i = 0; i < bounds.size();) {
        const uint32_t from = bounds[i].first;
        for (; i < bounds.size() && bounds[i].first == from; i++) {
          const int step = std::abs(bounds[i].second) - 1;
          if (bounds[i].second > 0)
            reading.insert(std::lower_bound(reading.begin(), reading.end(), step), step);
          else
            reading.erase(std::lower_bound(reading.begin(), reading.end(), step));
        }
        if (reading.empty()) continue;
        Effort::spend(reading.size());
        auto target = known.find(reading);
        if (target == known.end()) {
          Steps next;
          for (const int step : reading) next.push_back(steps_[static_cast<size_t>(step)].out);
          target = known.emplace(reading, number_of(std::move(next), false)).first;
        }
        out.edges.push_back({from, bounds[i].first - 1, target->second});
      }
      limit(out.edges.size(), kMostTextEdges, "a pattern");
      out.close_state(accepts ? 0 : Dfa::kRejects);
    }
    return trimmed(out);
  }

  inline static const CodePoints kAny = {{0, kLastCodePoint}};

  const RegexTree& tree_;
  std::vector<Step> steps_;
  int tail_ = -1;
  std::vector<uint32_t> seen_;
  uint32_t epoch_ = 0;
};

}  // namespace

Dfa texts_with(std::string_view pattern) {
  const RegexTree tree = parse_regex(pattern);
  return Builder(tree).build(true);
}

Dfa texts_like(std::string_view pattern) {
  const RegexTree tree = parse_regex(pattern);
  return Builder(tree).build(false);
}

}  // namespace honeybee::grammar
