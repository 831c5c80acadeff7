#include "grammar/object_builder.h"

#include <algorithm>

#include "grammar/limits.h"

namespace honeybee::grammar {
namespace {

// Names are told apart by the patterns that they match, one bit each.
constexpr size_t kMostPatterns = 6;

}  // namespace

void ObjectBuilder::build(int32_t start) {
  names_ = property_names(shape_);
  find_properties();
  find_free_names();
  if (!find_counts()) return;

  const size_t n = properties_.size();
  // Counts from `counted` on are all the same.
  const size_t counted = most_ == SIZE_MAX ? least_ : most_;
  struct States {
    int32_t opened;
    int32_t written;
    int32_t comma;
  };
  limit(counted, kMostStates, "a number of properties to count");
  limit(3 * (n + 1) * (counted + 1), kMostStates, "a number of properties to count");
  std::vector<States> states((n + 1) * (counted + 1), {-1, -1, -1});
  const auto at = [&](size_t property, size_t count) -> States& {
    return states[property * (counted + 1) + std::min(count, counted)];
  };
  const int32_t close = automaton_.add_state();
  automaton_.add_bytes(close, '}', '}', compiler_.end_);
  for (States& s : states) s = {automaton_.add_state(), automaton_.add_state(), automaton_.add_state()};
  automaton_.add_bytes(start, '{', '{', at(0, 0).opened);
  bool closable = true;  // nothing required is still missing
  for (size_t i = n + 1; i > 0; i--) {
    const size_t p = i - 1;
    closable = closable && (p == n || !properties_[p].required);
    for (size_t count = 0; count <= counted; count++) {
      const States& here = at(p, count);
      if (closable && count >= least_) {
        automaton_.add_skip(here.written, close);
        if (count == 0) automaton_.add_skip(here.opened, close);
      }
      if (most_ != SIZE_MAX && count >= most_) continue;
      automaton_.add_bytes(here.written, ',', ',', here.comma);
      for (const int32_t before : {here.opened, here.comma}) {
        if (p == n) {
          if (free_rule_ >= 0) automaton_.add_call(before, free_rule_, at(n, count + 1).written);
          continue;
        }
        automaton_.add_call(before, properties_[p].rule, at(p + 1, count + 1).written);
        if (!properties_[p].required)
          automaton_.add_skip(before,
                              before == here.opened ? at(p + 1, count).opened : at(p + 1, count).comma);
      }
    }
  }
}

void ObjectBuilder::find_properties() {
  std::vector<std::string> required = shape_.required;
  std::sort(required.begin(), required.end());
  for (const std::string& name : names_) {
    const int32_t rule = automaton_.add_state();
    const int32_t value = automaton_.add_literal(rule, quoted(name) + ":");
    automaton_.add_call(value, compiler_.rule_of(property_goal(shape_, name)), compiler_.end_);
    properties_.push_back({rule, std::binary_search(required.begin(), required.end(), name)});
  }
}

void ObjectBuilder::find_free_names() {
  std::vector<SharedDfa> patterns;
  for (const ObjectPart& part : shape_.objects) {
    for (const auto& [pattern, schema] : part.patterns) {
      if (std::find(patterns.begin(), patterns.end(), pattern) == patterns.end()) patterns.push_back(pattern);
    }
  }
  require(patterns.size() <= kMostPatterns, ErrorCode::kOption,
          "responseFormat: \"patternProperties\" has more than ", kMostPatterns, " patterns; simplify it");
  // The goal of names that match exactly the patterns of a label's bits.
  std::vector<Goal> goals;
  std::vector<bool> barred;
  for (size_t label = 0; label < size_t{1} << patterns.size(); label++) {
    Goal goal;
    for (const ObjectPart& part : shape_.objects) {
      bool named = false;
      for (const auto& [pattern, schema] : part.patterns) {
        const auto bit =
            static_cast<size_t>(std::find(patterns.begin(), patterns.end(), pattern) - patterns.begin());
        if ((label >> bit & 1) == 0) continue;
        named = true;
        add_to(goal, schema);
      }
      if (!named) add_to(goal, part.additional);
    }
    barred.push_back(
        std::any_of(goal.begin(), goal.end(), [](const Json* s) { return s->is(Json::Type::kFalse); }));
    goals.push_back(std::move(goal));
  }
  if (std::find(barred.begin(), barred.end(), false) == barred.end()) return;

  const Dfa listed = texts_named(names_);
  std::vector<const Dfa*> parts{&listed};
  for (const SharedDfa& pattern : patterns) parts.push_back(pattern.get());
  const Dfa set = product(parts, false, [&](std::span<const int32_t> labels) {
    if (labels[0] != Dfa::kRejects) return Dfa::kRejects;
    int32_t label = 0;
    for (size_t i = 1; i < labels.size(); i++) label |= labels[i] != Dfa::kRejects ? 1 << (i - 1) : 0;
    return barred[static_cast<size_t>(label)] ? Dfa::kRejects : label;
  });
  if (!set.empty()) free_rule_ = free_names_rule(set, goals);
}

int32_t ObjectBuilder::free_names_rule(const Dfa& set, const std::vector<Goal>& goals) {
  const int32_t rule = automaton_.add_state();
  const int32_t inside = automaton_.add_literal(rule, "\"");
  std::vector<int32_t> targets(goals.size(), -1);
  for (const int32_t label : set.labels) {
    if (label == Dfa::kRejects || targets[static_cast<size_t>(label)] >= 0) continue;
    const int32_t named = automaton_.add_state();
    const int32_t value = automaton_.add_literal(named, ":");
    automaton_.add_call(value, compiler_.rule_of(goals[static_cast<size_t>(label)]), compiler_.end_);
    targets[static_cast<size_t>(label)] = named;
  }
  automaton_.texts.emplace_back(set, Writing::kJson);
  automaton_.add_text(inside, static_cast<int32_t>(automaton_.texts.size()) - 1, std::move(targets));
  return rule;
}

// How many properties have to be counted; false if the bounds exclude each other.
bool ObjectBuilder::find_counts() {
  if (shape_.min_properties > shape_.max_properties) return false;
  const size_t required = shape_.required.size();
  if (required > shape_.max_properties) return false;
  if (shape_.min_properties > required) {
    // Two free names may turn out to be the same one.
    require(free_rule_ < 0 || shape_.min_properties <= required + 1, ErrorCode::kOption,
            "responseFormat: \"minProperties\" ", shape_.min_properties,
            " cannot be enforced for names that the schema does not list; list them, or make them required");
    if (free_rule_ < 0 && shape_.min_properties > names_.size()) return false;
    least_ = shape_.min_properties;
  }
  if (free_rule_ >= 0 || names_.size() > shape_.max_properties) most_ = shape_.max_properties;
  return true;
}

}  // namespace honeybee::grammar
