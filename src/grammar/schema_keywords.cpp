// What the keywords of one schema say.
#include <algorithm>
#include <string_view>

#include "grammar/formats.h"
#include "grammar/limits.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

namespace honeybee::grammar {
namespace {

constexpr size_t kMostProperties = 5'000;

constexpr std::string_view kKnown[] = {"$ref",
                                       "allOf",
                                       "anyOf",
                                       "oneOf",
                                       "type",
                                       "enum",
                                       "const",
                                       "properties",
                                       "required",
                                       "additionalProperties",
                                       "patternProperties",
                                       "minProperties",
                                       "maxProperties",
                                       "items",
                                       "prefixItems",
                                       "additionalItems",
                                       "minItems",
                                       "maxItems",
                                       "minLength",
                                       "maxLength",
                                       "pattern",
                                       "format",
                                       "minimum",
                                       "maximum",
                                       "exclusiveMinimum",
                                       "exclusiveMaximum",
                                       "multipleOf",
                                       "dependentRequired",
                                       "dependentSchemas",
                                       "dependencies",
                                       "unevaluatedProperties",
                                       "unevaluatedItems",
                                       "uniqueItems"};
constexpr std::string_view kRefused[] = {
    "not",           "if",          "then",          "else",    "contains", "minContains", "maxContains",
    "propertyNames", "$dynamicRef", "$recursiveRef", "extends", "disallow", "divisibleBy"};

bool same_but_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 32) == (y | 32); });
}

}  // namespace

// Words that no draft defines are annotations and ignored, as the specification says; not what looks like a
// keyword written wrong.
void Schema::check_names(const Json* schema) const {
  for (const auto& [name, value] : schema->properties) {
    if (std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown)) continue;
    for (const std::string_view refused : kRefused) {
      if (name == refused)
        refuse(schema, name, "cannot be enforced; leave it out and check the answer yourself");
    }
    for (const std::string_view known : kKnown) {
      if (same_but_case(name, known))
        refuse(schema, name, "is no keyword; did you mean \"" + std::string(known) + "\"?");
    }
  }
  check_unevaluated(schema);
}

// Beside keywords of the same schema alone they are what additionalProperties and items are.
void Schema::check_unevaluated(const Json* schema) const {
  for (const char* name : {"unevaluatedProperties", "unevaluatedItems"}) {
    if (schema->find(name) == nullptr || schema->find(name)->is(Json::Type::kTrue)) continue;
    for (const char* other : {"$ref", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"}) {
      if (schema->find(other) != nullptr)
        refuse(schema, name, "beside \"" + std::string(other) + "\" cannot be enforced");
    }
  }
}

const Json* Schema::keyword(const Json* schema, const char* name, Json::Type type,
                            const char* expected) const {
  const Json* const value = schema->find(name);
  if (value != nullptr && !value->is(type)) refuse(schema, name, std::string("must be ") + expected);
  return value;
}

size_t Schema::count(const Json* schema, const char* name, size_t otherwise) const {
  const Json* const value = keyword(schema, name, Json::Type::kNumber, "a number");
  if (value == nullptr) return otherwise;
  const Decimal number = parse_decimal(value->text);
  if (number.negative || !number.is_integer()) refuse(schema, name, "must be an integer of at least 0");
  return number.integer.size() > 15 ? SIZE_MAX : number.integer.empty() ? 0 : std::stoull(number.integer);
}

Shape Schema::keywords(const Json* schema) {
  Shape shape;
  read_types(schema, shape);
  read_number(schema, shape);
  read_string(schema, shape);
  read_array(schema, shape);
  read_object(schema, shape);
  std::vector<const Json*> values;
  if (const Json* list = keyword(schema, "enum", Json::Type::kArray, "an array")) {
    for (const Json& value : list->items) values.push_back(&value);
    shape.values = values;
  }
  if (const Json* value = schema->find("const")) {
    Shape only;
    only.values = {value};
    if (!narrow(shape, only)) shape.types = 0;
  }
  return shape;
}

void Schema::read_types(const Json* schema, Shape& shape) {
  const Json* const type = schema->find("type");
  if (type == nullptr) return;
  if (!type->is(Json::Type::kString) && !type->is(Json::Type::kArray))
    refuse(schema, "type", "must be a name or an array of names");
  static constexpr std::pair<std::string_view, unsigned> kTypes[] = {
      {"null", Shape::kNull},     {"boolean", Shape::kFalse | Shape::kTrue},
      {"number", Shape::kNumber}, {"integer", Shape::kNumber},
      {"string", Shape::kString}, {"array", Shape::kArray},
      {"object", Shape::kObject}};
  shape.types = 0;
  bool number = false;
  bool integer = false;
  const auto add = [&](const Json& name) {
    const auto known = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& t) { return t.first == name.text; });
    if (!name.is(Json::Type::kString) || known == std::end(kTypes))
      refuse(schema, "type",
             "has " + to_json(name).substr(0, 40) +
                 "; known are null, boolean, number, integer, string, array and object");
    shape.types |= known->second;
    number = number || name.text == "number";
    integer = integer || name.text == "integer";
  };
  if (type->is(Json::Type::kString)) add(*type);
  for (const Json& name : type->items) add(name);
  shape.number.integer = integer && !number;
}

void Schema::read_number(const Json* schema, Shape& shape) {
  const auto bound = [&](const char* name) {
    const Json* const value = keyword(schema, name, Json::Type::kNumber, "a number");
    return value == nullptr ? std::optional<Decimal>() : parse_decimal(value->text);
  };
  // Draft 4 wrote `exclusiveMinimum: true` beside `minimum`.
  const auto flag = [&](const char* name) {
    const Json* const value = schema->find(name);
    return value != nullptr && (value->is(Json::Type::kTrue) || value->is(Json::Type::kFalse));
  };
  if (const auto least = bound("minimum"))
    shape.number.raise(*least,
                       flag("exclusiveMinimum") && schema->find("exclusiveMinimum")->is(Json::Type::kTrue));
  if (const auto most = bound("maximum"))
    shape.number.lower(*most,
                       flag("exclusiveMaximum") && schema->find("exclusiveMaximum")->is(Json::Type::kTrue));
  if (!flag("exclusiveMinimum")) {
    if (const auto least = bound("exclusiveMinimum")) shape.number.raise(*least, true);
  }
  if (!flag("exclusiveMaximum")) {
    if (const auto most = bound("exclusiveMaximum")) shape.number.lower(*most, true);
  }
  if (const auto multiple = bound("multipleOf")) {
    check_multiple(*multiple);
    shape.number.multiples.push_back(*multiple);
  }
}

void Schema::read_string(const Json* schema, Shape& shape) {
  shape.text.min = count(schema, "minLength", 0);
  shape.text.max = count(schema, "maxLength", SIZE_MAX);
  if (const Json* text = keyword(schema, "pattern", Json::Type::kString, "a text"))
    shape.text.patterns.push_back(pattern(text->text));
  if (const Json* name = keyword(schema, "format", Json::Type::kString, "a text"))
    read_format(schema, name->text, shape);
}

void Schema::read_format(const Json* schema, const std::string& name, Shape& shape) {
  // What OpenAPI says of numbers; every JSON number is a float and a double.
  if (name == "float" || name == "double") return;
  if (name == "int32" || name == "int64") {
    shape.number.integer = true;
    if (name == "int64") return;
    shape.number.raise(parse_decimal("-2147483648"), false);
    shape.number.lower(parse_decimal("2147483647"), false);
    return;
  }
  if (shape.has(Shape::kString)) shape.text.patterns.push_back(format(schema, name));
}

SharedDfa Schema::format(const Json* schema, const std::string& name) {
  const char* const known = format_pattern(name);
  if (known == nullptr)
    refuse(schema, "format",
           "has " + quoted(name).substr(0, 60) + ", which cannot be enforced; known are " + kFormats);
  SharedDfa& dfa = patterns_["f" + name];
  if (dfa == nullptr) dfa = std::make_shared<const Dfa>(texts_like(known));
  return dfa;
}

void Schema::read_array(const Json* schema, Shape& shape) {
  shape.min_items = count(schema, "minItems", 0);
  shape.max_items = count(schema, "maxItems", SIZE_MAX);
  ArrayPart part;
  const Json* const items = schema->find("items");
  const Json* prefix = keyword(schema, "prefixItems", Json::Type::kArray, "an array of schemas");
  part.rest = items;
  if (items != nullptr && items->is(Json::Type::kArray)) {  // before 2020-12
    prefix = items;
    part.rest = schema->find("additionalItems");
  }
  if (prefix != nullptr) {
    for (const Json& item : prefix->items) part.prefix.push_back(&item);
  }
  if (part.rest == nullptr) part.rest = schema->find("unevaluatedItems");
  if (prefix != nullptr || part.rest != nullptr) shape.arrays.push_back(part);
  const Json* const unique = schema->find("uniqueItems");
  if (unique != nullptr && unique->is(Json::Type::kTrue) && shape.max_items > 1 && shape.has(Shape::kArray))
    refuse(schema, "uniqueItems", "cannot be enforced; leave it out and check the answer yourself");
}

void Schema::read_object(const Json* schema, Shape& shape) {
  shape.min_properties = count(schema, "minProperties", 0);
  shape.max_properties = count(schema, "maxProperties", SIZE_MAX);
  const Json* const required = schema->find("required");
  if (required != nullptr && required->is(Json::Type::kArray)) {
    limit(required->items.size(), kMostProperties, "an object");
    for (const Json& name : required->items) {
      if (!name.is(Json::Type::kString)) refuse(schema, "required", "must list property names");
      if (!shape.requires_property(name.text)) shape.required.push_back(name.text);
    }
  } else if (required != nullptr) {
    refuse(schema, "required", "must be an array of property names");
  }
  ObjectPart part;
  const Json* const properties = keyword(schema, "properties", Json::Type::kObject, "an object of schemas");
  if (properties != nullptr) {
    limit(properties->properties.size(), kMostProperties, "an object");
    for (const auto& [name, value] : properties->properties) part.properties.emplace_back(name, &value);
  }
  const Json* const patterns =
      keyword(schema, "patternProperties", Json::Type::kObject, "an object of schemas");
  if (patterns != nullptr) {
    for (const auto& [text, value] : patterns->properties) part.patterns.emplace_back(pattern(text), &value);
  }
  part.additional = schema->find("additionalProperties");
  if (part.additional == nullptr) part.additional = schema->find("unevaluatedProperties");
  if (properties != nullptr || patterns != nullptr || part.additional != nullptr)
    shape.objects.push_back(std::move(part));
}

}  // namespace honeybee::grammar
