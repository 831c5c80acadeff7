// The document: where things are, references, and how keywords combine. schema_keywords.cpp reads the
// keywords of one schema.
#include "grammar/schema.h"

#include <algorithm>

#include "grammar/effort.h"
#include "grammar/limits.h"
#include "grammar/regex.h"

namespace honeybee::grammar {
namespace {

// A path to `wanted` below `at` as a JSON pointer.
bool find_path(const Json& at, const Json* wanted, std::string& path) {
  if (&at == wanted) return true;
  const size_t length = path.size();
  for (size_t i = 0; i < at.items.size(); i++) {
    path += "/" + std::to_string(i);
    if (find_path(at.items[i], wanted, path)) return true;
    path.resize(length);
  }
  for (const auto& [name, value] : at.properties) {
    path += "/" + name;
    if (find_path(value, wanted, path)) return true;
    path.resize(length);
  }
  return false;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); i++) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

const Json* follow(const Json* at, std::string_view pointer) {
  while (!pointer.empty() && at != nullptr) {
    if (pointer[0] != '/') return nullptr;
    const size_t end = std::min(pointer.find('/', 1), pointer.size());
    std::string token;
    for (size_t i = 1; i < end; i++) {
      const bool escaped =
          pointer[i] == '~' && i + 1 < end && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
      token += escaped ? (pointer[i + 1] == '0' ? '~' : '/') : pointer[i];
      if (escaped) i++;
    }
    pointer.remove_prefix(end);
    if (at->is(Json::Type::kArray)) {
      const bool number =
          !token.empty() && token.size() < 8 && token.find_first_not_of("0123456789") == std::string::npos;
      const size_t index = number ? std::stoul(token) : SIZE_MAX;
      at = index < at->items.size() ? &at->items[index] : nullptr;
    } else {
      Effort::spend(at->properties.size() / 8);
      at = at->find(token);
    }
  }
  return at;
}

// A reference against the base it is written in (RFC 3986, 5.2, as far as $id needs it).
std::string joined(const std::string& base, const std::string& reference) {
  const size_t scheme = reference.find(':');
  if (base.empty() || (scheme != std::string::npos && scheme < reference.find('/'))) return reference;
  if (reference.starts_with('/')) {
    const size_t authority = base.find("://");
    const size_t path = authority == std::string::npos ? 0 : base.find('/', authority + 3);
    return base.substr(0, path) + reference;
  }
  const size_t slash = base.rfind('/');
  return slash == std::string::npos ? reference : base.substr(0, slash + 1) + reference;
}

// Takes a schema from the open ones, whatever happens.
struct Closing {
  std::set<const Json*>& open;
  const Json* schema;

  ~Closing() { open.erase(schema); }
};

}  // namespace

Schema::Schema(std::string_view text) {
  limit(text.size(), kMostSchemaBytes, "the schema");
  document_ = parse_json(text);
  index(&document_, &document_, "");
}

void Schema::index(const Json* at, const Json* resource, const std::string& base) {
  std::string own = base;
  if (at->is(Json::Type::kObject)) {
    const Json* id = at->find("$id");
    if (id == nullptr) id = at->find("id");
    if (id != nullptr && id->is(Json::Type::kString) && !id->text.starts_with('#')) {
      own = joined(base, id->text);
      if (own.ends_with('#')) own.pop_back();
      resource = at;
      identified_.emplace(own, at);
      bases_[at] = own;
    } else if (id != nullptr && id->is(Json::Type::kString)) {
      identified_.emplace(base + id->text, at);
    }
    const Json* const anchor = at->find("$anchor");
    if (anchor != nullptr && anchor->is(Json::Type::kString))
      identified_.emplace(own + "#" + anchor->text, at);
    resources_[at] = resource;
  }
  for (const Json& item : at->items) index(&item, resource, own);
  for (const auto& [name, value] : at->properties) {
    if (name != "enum" && name != "const") index(&value, resource, own);
  }
}

std::string Schema::place_of(const Json* schema) const {
  std::string path;
  return find_path(document_, schema, path) && !path.empty() ? " at " + path : "";
}

void Schema::refuse(const Json* schema, const std::string& keyword, const std::string& why) const {
  fail(ErrorCode::kOption, "responseFormat: \"", keyword, "\"", place_of(schema), " ", why);
}

const Json* Schema::resolve(const Json* schema, const std::string& reference) const {
  const size_t hash = reference.find('#');
  const std::string name = reference.substr(0, hash);
  const std::string fragment = hash == std::string::npos ? "" : percent_decoded(reference.substr(hash + 1));
  const auto own = resources_.find(schema);
  const Json* resource = own == resources_.end() ? &document_ : own->second;
  const auto base = bases_.find(resource);
  std::string uri = base == bases_.end() ? "" : base->second;
  if (!name.empty()) {
    uri = joined(uri, name);
    const auto found = identified_.find(uri);
    if (found == identified_.end())
      refuse(schema, "$ref",
             "refers to \"" + reference + "\", which is not in this schema; put it under $defs");
    resource = found->second;
  }
  const Json* target = nullptr;
  if (fragment.empty() || fragment[0] == '/') {
    target = follow(resource, fragment);
  } else if (const auto found = identified_.find(uri + "#" + fragment); found != identified_.end()) {
    target = found->second;
  }
  const bool usable = target != nullptr && (target->is(Json::Type::kObject) ||
                                            target->is(Json::Type::kTrue) || target->is(Json::Type::kFalse));
  if (!usable) refuse(schema, "$ref", "refers to \"" + reference + "\", where no schema is");
  return target;
}

SharedDfa Schema::pattern(const std::string& text) {
  SharedDfa& dfa = patterns_["p" + text];
  if (dfa == nullptr) dfa = std::make_shared<const Dfa>(texts_with(text));
  return dfa;
}

const std::vector<Shape>& Schema::expand(const Goal& goal) {
  if (const auto found = expanded_.find(goal); found != expanded_.end()) return found->second;
  limit(expanded_.size(), kMostRules, "the schema");
  Shapes shapes(1);
  for (const Json* schema : goal) shapes = every(shapes, alternatives(schema), schema);
  return expanded_.emplace(goal, std::move(shapes)).first->second;
}

Schema::Shapes Schema::every(const Shapes& a, const Shapes& b, const Json* schema) {
  if (a.size() * b.size() > kMostAlternatives)
    refuse(schema, "anyOf",
           "combines to more than " + std::to_string(kMostAlternatives) + " alternatives; simplify it");
  Shapes out;
  for (const Shape& left : a) {
    for (const Shape& right : b) {
      Effort::spend((left.bytes() + right.bytes()) / 2);
      Shape both = left;
      if (narrow(both, right)) out.push_back(std::move(both));
    }
  }
  return out;
}

Schema::Shapes Schema::alternatives(const Json* schema) {
  if (schema->is(Json::Type::kTrue)) return Shapes(1);
  if (schema->is(Json::Type::kFalse)) return {};
  if (!schema->is(Json::Type::kObject))
    refuse(schema, to_json(*schema).substr(0, 40), "stands where a schema must be: an object, true or false");
  if (!open_.insert(schema).second) {
    if (proofs_ > 0) throw Undecided();
    refuse(schema, "$ref", "refers to itself and to nothing else");
  }
  const Closing closing{open_, schema};
  check_names(schema);
  Shapes shapes{keywords(schema)};
  if (shapes[0].types == 0) shapes.clear();
  if (const Json* reference = keyword(schema, "$ref", Json::Type::kString, "a text"))
    shapes = every(shapes, alternatives(resolve(schema, reference->text)), schema);
  if (const Json* list = keyword(schema, "allOf", Json::Type::kArray, "an array")) {
    for (const Json& part : list->items) shapes = every(shapes, alternatives(&part), schema);
  }
  if (const Json* list = keyword(schema, "anyOf", Json::Type::kArray, "an array"))
    shapes = every(shapes, any_of(schema, *list, "anyOf"), schema);
  if (const Json* list = keyword(schema, "oneOf", Json::Type::kArray, "an array"))
    shapes = every(shapes, one_of(schema, *list), schema);
  for (const char* name : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const Json* const map = keyword(schema, name, Json::Type::kObject, "an object");
    if (map == nullptr) continue;
    for (const auto& [property, then] : map->properties)
      shapes = every(shapes, dependent(schema, property, then), schema);
  }
  return shapes;
}

Schema::Shapes Schema::any_of(const Json* schema, const Json& list, const char* keyword) {
  if (list.items.empty()) refuse(schema, keyword, "is empty");
  Shapes shapes;
  for (const Json& part : list.items) {
    Shapes more = alternatives(&part);
    shapes.insert(shapes.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  if (shapes.size() > kMostAlternatives) refuse(schema, keyword, "has too many alternatives; simplify it");
  return shapes;
}

// The same as anyOf if no value satisfies two of the branches.
Schema::Shapes Schema::one_of(const Json* schema, const Json& list) {
  std::vector<Shapes> branches;
  size_t checks = 0;
  for (const Json& part : list.items) {
    branches.push_back(alternatives(&part));
    checks += branches.back().size();
  }
  if (checks * checks > kMostAlternatives * 10)
    refuse(schema, "oneOf", "has too many alternatives to be told apart; write anyOf");
  for (size_t i = 0; i < branches.size(); i++) {
    for (size_t j = 0; j < i; j++) {
      for (const Shape& both : every(branches[j], branches[i], schema)) {
        if (disjoint(both)) continue;
        refuse(schema, "oneOf",
               "has branches " + std::to_string(j) + " and " + std::to_string(i) +
                   " that some values may both satisfy; write anyOf, or tell them apart by a required "
                   "property with const");
      }
    }
  }
  return any_of(schema, list, "oneOf");
}

// If the object has the property, `then` holds too: a list of further properties, or a schema.
Schema::Shapes Schema::dependent(const Json* schema, const std::string& name, const Json& then) {
  static const Json kNever = [] {
    Json value;
    value.type = Json::Type::kFalse;
    return value;
  }();
  Shape without;
  without.objects.push_back({{{name, &kNever}}, {}, nullptr});
  Shape with;
  with.types = Shape::kObject;
  with.required = {name};
  if (then.is(Json::Type::kArray)) {
    for (const Json& other : then.items) {
      if (!other.is(Json::Type::kString)) refuse(schema, "dependentRequired", "must list property names");
      if (!with.requires_property(other.text)) with.required.push_back(other.text);
    }
    return {without, with};
  }
  Shapes shapes = every({with}, alternatives(&then), schema);
  shapes.insert(shapes.begin(), without);
  return shapes;
}

}  // namespace honeybee::grammar
