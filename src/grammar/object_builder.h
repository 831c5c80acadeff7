#pragma once
#include "grammar/compiler.h"

namespace honeybee::grammar {

/// Adds the objects of one shape to an automaton.
///
/// With properties p0 … pn-1 in order, the object stands before pi with k properties written, in one of three
/// states: just opened (nothing written), after a property, or after a comma. Optional properties are
/// stepped over; names that are not listed come behind all of them. k is counted only where it matters.
class ObjectBuilder {
 public:
  ObjectBuilder(Compiler& compiler, const Shape& shape)
      : compiler_(compiler), automaton_(compiler.automaton_), shape_(shape) {}

  void build(int32_t start);

 private:
  struct Property {
    int32_t rule;  ///< reads "name":value
    bool required;
  };

  void find_properties();
  void find_free_names();
  bool find_counts();
  int32_t free_names_rule(const Dfa& set, const std::vector<Goal>& goals);

  Compiler& compiler_;
  Automaton& automaton_;
  const Shape& shape_;
  std::vector<std::string> names_;
  std::vector<Property> properties_;
  int32_t free_rule_ = -1;  ///< reads a name that is not listed, and its value; -1: there is none
  size_t most_ = SIZE_MAX;  ///< properties that may be written
  size_t least_ = 0;        ///< that must be, beyond what `required` sees to
};

}  // namespace honeybee::grammar
