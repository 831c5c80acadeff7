#include "grammar/shape.h"

#include <algorithm>

#include "grammar/effort.h"

namespace honeybee::grammar {
namespace {

template <class List>
void append(List& list, const List& more) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace

size_t Shape::bytes() const {
  size_t sum = sizeof(Shape) + required.size() * sizeof(std::string);
  if (values) sum += values->size() * sizeof(const Json*);
  for (const ArrayPart& part : arrays) sum += sizeof(part) + part.prefix.size() * sizeof(const Json*);
  for (const ObjectPart& part : objects) {
    sum += sizeof(part) + part.properties.size() * sizeof(part.properties[0]) +
           part.patterns.size() * sizeof(part.patterns[0]);
  }
  return sum;
}

bool Shape::requires_property(const std::string& name) const {
  return std::find(required.begin(), required.end(), name) != required.end();
}

Shape::Type type_of(const Json& value) {
  switch (value.type) {
    case Json::Type::kNull:
      return Shape::kNull;
    case Json::Type::kFalse:
      return Shape::kFalse;
    case Json::Type::kTrue:
      return Shape::kTrue;
    case Json::Type::kNumber:
      return Shape::kNumber;
    case Json::Type::kString:
      return Shape::kString;
    case Json::Type::kArray:
      return Shape::kArray;
    case Json::Type::kObject:
      return Shape::kObject;
  }
  return Shape::kNull;
}

bool narrow(Shape& shape, const Shape& other) {
  shape.types &= other.types;
  if (shape.values && other.values) {
    Effort::spend(shape.values->size() * other.values->size());
    std::erase_if(*shape.values, [&](const Json* value) {
      return std::none_of(other.values->begin(), other.values->end(),
                          [&](const Json* allowed) { return same_value(*value, *allowed); });
    });
  } else if (other.values) {
    shape.values = other.values;
  }
  if (shape.values && shape.values->empty()) return false;
  shape.number.narrow(other.number);
  shape.text.min = std::max(shape.text.min, other.text.min);
  shape.text.max = std::min(shape.text.max, other.text.max);
  append(shape.text.patterns, other.text.patterns);
  shape.min_items = std::max(shape.min_items, other.min_items);
  shape.max_items = std::min(shape.max_items, other.max_items);
  append(shape.arrays, other.arrays);
  shape.min_properties = std::max(shape.min_properties, other.min_properties);
  shape.max_properties = std::min(shape.max_properties, other.max_properties);
  Effort::spend(shape.required.size() * other.required.size());
  for (const std::string& name : other.required) {
    if (!shape.requires_property(name)) shape.required.push_back(name);
  }
  append(shape.objects, other.objects);
  return shape.types != 0;
}

void add_to(Goal& goal, const Json* schema) {
  if (schema == nullptr || schema->is(Json::Type::kTrue)) return;
  if (schema->is(Json::Type::kObject) && schema->properties.empty()) return;
  const auto place = std::lower_bound(goal.begin(), goal.end(), schema);
  if (place == goal.end() || *place != schema) goal.insert(place, schema);
}

Goal item_goal(const Shape& shape, size_t index) {
  Goal goal;
  for (const ArrayPart& part : shape.arrays)
    add_to(goal, index < part.prefix.size() ? part.prefix[index] : part.rest);
  return goal;
}

size_t prefix_length(const Shape& shape) {
  size_t length = 0;
  for (const ArrayPart& part : shape.arrays) length = std::max(length, part.prefix.size());
  return length;
}

Goal property_goal(const Shape& shape, const std::string& name) {
  Goal goal;
  for (const ObjectPart& part : shape.objects) {
    Effort::spend(1 + part.properties.size() / 8);
    bool named = false;
    for (const auto& [property, schema] : part.properties) {
      if (property != name) continue;
      named = true;
      add_to(goal, schema);
    }
    for (const auto& [pattern, schema] : part.patterns) {
      if (pattern->match(name) == Dfa::kRejects) continue;
      named = true;
      add_to(goal, schema);
    }
    if (!named) add_to(goal, part.additional);
  }
  return goal;
}

std::vector<std::string> property_names(const Shape& shape) {
  std::vector<std::string> names;
  std::vector<std::string> sorted;
  const auto add = [&](const std::string& name) {
    const auto place = std::lower_bound(sorted.begin(), sorted.end(), name);
    if (place != sorted.end() && *place == name) return;
    sorted.insert(place, name);
    names.push_back(name);
  };
  for (const ObjectPart& part : shape.objects) {
    for (const auto& [name, schema] : part.properties) add(name);
  }
  for (const std::string& name : shape.required) add(name);
  return names;
}

std::optional<Dfa> string_set(const TextLimits& text) {
  if (text.patterns.empty()) return std::nullopt;
  std::vector<const Dfa*> parts;
  for (const SharedDfa& pattern : text.patterns) parts.push_back(pattern.get());
  Dfa lengths;
  if (text.min > 0 || text.max < SIZE_MAX) {
    if (text.max < text.min) return Dfa{};
    lengths = texts_of_length(text.min, text.max);
    parts.push_back(&lengths);
  }
  return parts.size() == 1 ? *parts[0] : intersection(parts);
}

}  // namespace honeybee::grammar
