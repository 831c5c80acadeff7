#pragma once
#include "grammar/automaton.h"
#include "grammar/schema.h"

namespace honeybee::grammar {

/// Compiles a JSON Schema to the compact JSON documents that satisfy it: no white space, properties in the
/// order of the schema, strings escaped only where JSON asks for it.
class Compiler {
 public:
  explicit Compiler(Schema& schema) : schema_(schema) {}

  /// Throws Error(kOption) for a schema that cannot be met.
  Automaton compile();

 private:
  int32_t rule_of(const Goal& goal);
  void build_rule(const Goal& goal, int32_t start);
  void add_shape(const Shape& shape, int32_t start);
  void add_string(const Shape& shape, int32_t start);
  void add_array(const Shape& shape, int32_t start);
  int32_t text_of(const TextLimits& limits);

  friend class ObjectBuilder;

  Schema& schema_;
  Automaton automaton_;
  std::map<Goal, int32_t> rules_;
  std::vector<std::pair<Goal, int32_t>> todo_;
  int32_t end_ = 0;  ///< a final state without edges, shared by all rules
  std::map<std::pair<size_t, size_t>, int32_t> lengths_;  ///< texts of a length
};

}  // namespace honeybee::grammar
