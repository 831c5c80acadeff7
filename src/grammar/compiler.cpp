#include "grammar/compiler.h"

#include <algorithm>

#include "grammar/object_builder.h"

namespace honeybee::grammar {

Automaton Compiler::compile() {
  end_ = automaton_.add_state(true);
  automaton_.start = rule_of({schema_.root()});
  while (!todo_.empty()) {
    const auto [goal, start] = todo_.back();
    todo_.pop_back();
    build_rule(goal, start);
  }
  require(automaton_.finish(), ErrorCode::kOption,
          "responseFormat: no JSON value satisfies this schema; look for keywords that exclude each other");
  return std::move(automaton_);
}

int32_t Compiler::rule_of(const Goal& goal) {
  Goal needed;
  for (const Json* schema : goal) add_to(needed, schema);
  const auto [place, added] = rules_.try_emplace(needed, -1);
  if (added) {
    limit(rules_.size(), kMostRules, "the schema");
    place->second = automaton_.add_state();
    todo_.emplace_back(needed, place->second);
  }
  return place->second;
}

void Compiler::build_rule(const Goal& goal, int32_t start) {
  int32_t literals = -1;
  for (const Shape& shape : schema_.expand(goal)) {
    if (!shape.values) {
      add_shape(shape, start);
      continue;
    }
    if (literals < 0) {
      literals = automaton_.add_state();
      automaton_.add_skip(start, literals);
    }
    for (const Json* value : *shape.values) {
      if (!schema_.accepts_own(*value, shape)) continue;
      const int32_t last = automaton_.add_shared_literal(literals, to_json(*value));
      automaton_.states[static_cast<size_t>(last)].final = true;
    }
  }
}

void Compiler::add_shape(const Shape& shape, int32_t start) {
  const auto word = [&](Shape::Type type, const char* text) {
    if (shape.has(type)) automaton_.add_skip(automaton_.add_literal(start, text), end_);
  };
  word(Shape::kNull, "null");
  word(Shape::kFalse, "false");
  word(Shape::kTrue, "true");
  if (shape.has(Shape::kNumber)) shape.number.add_to(automaton_, start);
  if (shape.has(Shape::kString)) add_string(shape, start);
  if (shape.has(Shape::kArray)) add_array(shape, start);
  if (shape.has(Shape::kObject)) ObjectBuilder(*this, shape).build(start);
}

int32_t Compiler::text_of(const TextLimits& limits) {
  if (auto set = string_set(limits)) {
    automaton_.texts.emplace_back(std::move(*set), Writing::kJson);
    return static_cast<int32_t>(automaton_.texts.size()) - 1;
  }
  const auto [place, added] = lengths_.try_emplace({limits.min, limits.max}, -1);
  if (added) {
    place->second = static_cast<int32_t>(automaton_.texts.size());
    automaton_.texts.push_back(Text::of_length(limits.min, limits.max));
  }
  return place->second;
}

void Compiler::add_string(const Shape& shape, int32_t start) {
  if (shape.text.min > shape.text.max) return;
  const int32_t inside = automaton_.add_literal(start, "\"");
  automaton_.add_text(inside, text_of(shape.text), {end_});
}

void Compiler::add_array(const Shape& shape, int32_t start) {
  if (shape.min_items > shape.max_items) return;
  const int32_t close = automaton_.add_state();
  automaton_.add_bytes(close, ']', ']', end_);
  int32_t here = automaton_.add_literal(start, "[");
  // Behind the prefixes and the elements that there must be, an unbounded array goes round one loop.
  const size_t distinct = std::max(prefix_length(shape), shape.min_items);
  const bool loops = shape.max_items == SIZE_MAX;
  for (size_t count = 0;; count++) {
    if (count >= shape.min_items) automaton_.add_skip(here, close);
    if (count == shape.max_items) return;
    int32_t next = here;
    if (count > 0) {
      next = automaton_.add_state();
      automaton_.add_bytes(here, ',', ',', next);
    }
    const bool last = loops && count > distinct;
    const int32_t after = last ? here : automaton_.add_state();
    automaton_.add_call(next, rule_of(item_goal(shape, count)), after);
    if (last) return;
    here = after;
  }
}

}  // namespace honeybee::grammar
