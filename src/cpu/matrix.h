#pragma once
#include "core/weight.h"

namespace honeybee::cpu {

/// A weight that `linear` multiplies with, in any layout.
class Matrix : public Weight {
 public:
  using Weight::Weight;

  /// Row `index` as floats, for embed with a tied head. target [in].
  virtual void read_row(int64_t index, float* target) const = 0;
};

}  // namespace honeybee::cpu
