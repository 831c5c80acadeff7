#pragma once
#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "grammar/shape.h"

namespace honeybee::grammar {

/// A JSON Schema (2020-12, and what older drafts wrote otherwise) with its keywords understood.
/// Keywords that cannot be honoured exactly are refused: Error(kOption) names the keyword and where it is.
class Schema {
 public:
  explicit Schema(std::string_view text);

  const Json* root() const { return &document_; }

  /// The alternatives of a goal; a value satisfies the goal if and only if it satisfies one of them. None:
  /// nothing satisfies it.
  const std::vector<Shape>& expand(const Goal& goal);
  bool accepts(const Json& value, const Goal& goal);
  bool accepts(const Json& value, const Shape& shape);
  /// Whether one of the shape's own `values` satisfies the rest of it.
  bool accepts_own(const Json& value, const Shape& shape);

 private:
  using Shapes = std::vector<Shape>;

  [[noreturn]] void refuse(const Json* schema, const std::string& keyword, const std::string& why) const;
  std::string place_of(const Json* schema) const;
  void index(const Json* schema, const Json* resource, const std::string& base);

  Shapes alternatives(const Json* schema);
  Shapes every(const Shapes& a, const Shapes& b, const Json* schema);
  Shapes any_of(const Json* schema, const Json& list, const char* keyword);
  Shapes one_of(const Json* schema, const Json& list);
  Shapes dependent(const Json* schema, const std::string& name, const Json& then);
  Shape keywords(const Json* schema);
  void read_types(const Json* schema, Shape& shape);
  void read_number(const Json* schema, Shape& shape);
  void read_string(const Json* schema, Shape& shape);
  void read_format(const Json* schema, const std::string& name, Shape& shape);
  void read_array(const Json* schema, Shape& shape);
  void read_object(const Json* schema, Shape& shape);
  void check_names(const Json* schema) const;
  void check_unevaluated(const Json* schema) const;

  const Json* keyword(const Json* schema, const char* name, Json::Type type, const char* expected) const;
  size_t count(const Json* schema, const char* name, size_t otherwise) const;
  const Json* resolve(const Json* schema, const std::string& reference) const;
  SharedDfa pattern(const std::string& text);
  SharedDfa format(const Json* schema, const std::string& name);

  /// Thrown where a proof meets a schema that is still being expanded.
  struct Undecided {};
  /// Whether no value satisfies the shape, as far as that can be proven.
  bool disjoint(const Shape& both);
  bool proven_empty(const Goal& goal, int depth);
  bool proven_empty(const Shape& shape, int depth);
  bool proven_empty(const Shape& shape, Shape::Type type, int depth);

  Json document_;
  std::unordered_map<const Json*, const Json*> resources_;  ///< the root of each subschema's resource
  std::map<std::string, const Json*> identified_;           ///< by $id, and $id#anchor
  std::unordered_map<const Json*, std::string> bases_;      ///< $id of each resource
  std::map<Goal, Shapes> expanded_;
  std::set<const Json*> open_;  ///< schemas whose alternatives are being found
  int proofs_ = 0;              ///< being tried
  std::map<std::string, SharedDfa> patterns_;
};

}  // namespace honeybee::grammar
