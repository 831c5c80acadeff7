// Which values satisfy a goal: of enum and const, and to tell the branches of oneOf apart.
#include <algorithm>

#include "grammar/effort.h"
#include "grammar/schema.h"

namespace honeybee::grammar {
namespace {

// Deep enough for every discriminator that people write; beyond it nothing is proven.
constexpr int kDeepestProof = 8;

size_t code_points(const std::string& utf8) {
  return static_cast<size_t>(
      std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

bool Schema::accepts(const Json& value, const Goal& goal) {
  const auto& shapes = expand(goal);
  return std::any_of(shapes.begin(), shapes.end(), [&](const Shape& shape) { return accepts(value, shape); });
}

bool Schema::accepts(const Json& value, const Shape& shape) {
  const bool listed =
      !shape.values || std::any_of(shape.values->begin(), shape.values->end(),
                                   [&](const Json* allowed) { return same_value(value, *allowed); });
  return listed && accepts_own(value, shape);
}

bool Schema::accepts_own(const Json& value, const Shape& shape) {
  Effort::spend(1);
  if (!shape.has(type_of(value))) return false;
  switch (value.type) {
    case Json::Type::kNumber:
      return shape.number.accepts(parse_decimal(value.text));
    case Json::Type::kString: {
      const size_t length = code_points(value.text);
      return length >= shape.text.min && length <= shape.text.max &&
             std::all_of(
                 shape.text.patterns.begin(), shape.text.patterns.end(),
                 [&](const SharedDfa& pattern) { return pattern->match(value.text) != Dfa::kRejects; });
    }
    case Json::Type::kArray:
      if (value.items.size() < shape.min_items || value.items.size() > shape.max_items) return false;
      for (size_t i = 0; i < value.items.size(); i++) {
        if (!accepts(value.items[i], item_goal(shape, i))) return false;
      }
      return true;
    case Json::Type::kObject: {
      const size_t count = value.properties.size();
      if (count < shape.min_properties || count > shape.max_properties) return false;
      for (const std::string& name : shape.required) {
        if (value.find(name) == nullptr) return false;
      }
      return std::all_of(value.properties.begin(), value.properties.end(), [&](const auto& property) {
        return accepts(property.value, property_goal(shape, property.name));
      });
    }
    default:
      return true;
  }
}

bool Schema::disjoint(const Shape& both) {
  proofs_++;
  bool empty = false;
  try {
    empty = proven_empty(both, 0);
  } catch (const Undecided&) {
  }
  proofs_--;
  return empty;
}

bool Schema::proven_empty(const Goal& goal, int depth) {
  if (depth > kDeepestProof) return false;
  const std::vector<Shape>* found = nullptr;
  try {
    found = &expand(goal);
  } catch (const Undecided&) {
    return false;
  }
  const std::vector<Shape>& shapes = *found;
  return std::all_of(shapes.begin(), shapes.end(),
                     [&](const Shape& shape) { return proven_empty(shape, depth); });
}

bool Schema::proven_empty(const Shape& shape, int depth) {
  Effort::spend(1);
  if (shape.values) {
    return std::none_of(shape.values->begin(), shape.values->end(),
                        [&](const Json* value) { return accepts_own(*value, shape); });
  }
  for (const Shape::Type type : {Shape::kNull, Shape::kFalse, Shape::kTrue, Shape::kNumber, Shape::kString,
                                 Shape::kArray, Shape::kObject}) {
    if (shape.has(type) && !proven_empty(shape, type, depth)) return false;
  }
  return true;
}

bool Schema::proven_empty(const Shape& shape, Shape::Type type, int depth) {
  switch (type) {
    case Shape::kNumber: {
      if (!shape.number.least || !shape.number.most) return false;
      const int order = compare(*shape.number.least, *shape.number.most);
      return order > 0 || (order == 0 && (shape.number.above || shape.number.below));
    }
    case Shape::kString: {
      if (shape.text.min > shape.text.max) return true;
      const auto set = string_set(shape.text);
      return set && set->empty();
    }
    case Shape::kArray: {
      if (shape.min_items > shape.max_items) return true;
      const size_t checked = std::min(shape.min_items, prefix_length(shape) + 1);
      for (size_t i = 0; i < checked; i++) {
        if (proven_empty(item_goal(shape, i), depth + 1)) return true;
      }
      return false;
    }
    case Shape::kObject:
      if (std::max(shape.min_properties, shape.required.size()) > shape.max_properties) return true;
      return std::any_of(shape.required.begin(), shape.required.end(), [&](const std::string& name) {
        return proven_empty(property_goal(shape, name), depth + 1);
      });
    default:
      return false;
  }
}

}  // namespace honeybee::grammar
