#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace honeybee::grammar {

/// A JSON value (RFC 8259); an object keeps the order of its properties.
struct Json {
  enum class Type { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

  Type type = Type::kNull;
  std::string text;  ///< of a string: its UTF-8 (lone surrogates as three bytes); of a number: as written
  std::vector<Json> items;
  struct Property;
  std::vector<Property> properties;

  bool is(Type t) const { return type == t; }
  /// Null if this is no object or has no such property.
  const Json* find(std::string_view name) const;
};

struct Json::Property {
  std::string name;
  Json value;
};

/// Throws Error(kOption) that says where the text is no JSON, or nested deeper than 256.
Json parse_json(std::string_view text);

/// Whether two values are the same to JSON Schema: numbers by value, properties in any order.
bool same_value(const Json& a, const Json& b);

/// Without white space, strings escaped as JSON.stringify does.
std::string to_json(const Json& value);
/// `text` between quotes.
std::string quoted(std::string_view text);

}  // namespace honeybee::grammar
