#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/dfa.h"
#include "grammar/json.h"
#include "grammar/number_limits.h"

namespace honeybee::grammar {

/// Schemas that a value must all satisfy, each once, in order.
using Goal = std::vector<const Json*>;

/// Automata of patterns are shared between the shapes that name them.
using SharedDfa = std::shared_ptr<const Dfa>;

struct TextLimits {
  size_t min = 0;
  size_t max = SIZE_MAX;
  std::vector<SharedDfa> patterns;
};

/// What one schema says of arrays.
struct ArrayPart {
  std::vector<const Json*> prefix;
  const Json* rest = nullptr;  ///< null: anything
};

/// What one schema says of objects: `additional` is for names that neither list has.
struct ObjectPart {
  std::vector<std::pair<std::string, const Json*>> properties;
  std::vector<std::pair<SharedDfa, const Json*>> patterns;
  const Json* additional = nullptr;  ///< null: anything
};

/// One of the alternatives of a schema once its combinations are multiplied out: a conjunction of what its
/// keywords say, kept apart by the type of value that they speak of.
struct Shape {
  enum Type : unsigned {
    kNull = 1,
    kFalse = 2,
    kTrue = 4,
    kNumber = 8,
    kString = 16,
    kArray = 32,
    kObject = 64,
    kAll = 127
  };

  unsigned types = kAll;
  std::optional<std::vector<const Json*>> values;  ///< only these
  NumberLimits number;
  TextLimits text;
  size_t min_items = 0;
  size_t max_items = SIZE_MAX;
  std::vector<ArrayPart> arrays;
  size_t min_properties = 0;
  size_t max_properties = SIZE_MAX;
  std::vector<std::string> required;
  std::vector<ObjectPart> objects;

  bool has(Type type) const { return (types & type) != 0; }
  bool requires_property(const std::string& name) const;
  /// What a copy takes.
  size_t bytes() const;
};

/// The type of a value.
Shape::Type type_of(const Json& value);

/// Adds to `shape` what `other` says; false if nothing can satisfy both for a reason that shows at once.
bool narrow(Shape& shape, const Shape& other);

/// The schemas that the element at `index`, or one behind all prefixes, must satisfy.
Goal item_goal(const Shape& shape, size_t index);
/// Of the longest prefix.
size_t prefix_length(const Shape& shape);
/// The schemas that the value of a property must satisfy.
Goal property_goal(const Shape& shape, const std::string& name);
/// Property names that the shape speaks of, in the order of the schema, then those only required.
std::vector<std::string> property_names(const Shape& shape);

/// The strings of a shape: null if their length alone matters.
std::optional<Dfa> string_set(const TextLimits& text);

/// `schema` added to a goal; nothing if it is `true` or null.
void add_to(Goal& goal, const Json* schema);

}  // namespace honeybee::grammar
