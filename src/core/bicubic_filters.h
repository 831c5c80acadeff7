#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/bicubic_axis.h"

namespace honeybee {

/// The filters of an axis in the form that simple loops and kernels take: every output reads the same number
/// of neighbouring inputs, all inside the axis; where its filter is shorter, the weights beside it are zero.
/// Memory: 4 bytes a weight, of which an axis has about 4 · max(in, out).
class BicubicFilters {
 public:
  /// `in` samples → `out` samples, of which [first, first + count) are wanted, as in BicubicAxis. A size that
  /// does not change gets the weights of the identity.
  BicubicFilters(int in, int out, int first, int count);

  int outputs() const { return outputs_; }
  /// Inputs that each output reads.
  int taps() const { return taps_; }

  /// Output `i` reads the inputs [begin()[i], begin()[i] + taps()); never decreases with i.
  std::span<const int32_t> begin() const { return std::span(table_).first(static_cast<size_t>(outputs_)); }
  /// [taps, outputs], fixed-point.
  std::span<const int32_t> weights() const {
    return std::span(table_).subspan(static_cast<size_t>(outputs_));
  }
  /// begin() followed by weights().
  std::span<const int32_t> table() const { return table_; }

  /// The inputs that any output reads: [first_input(), last_input()).
  int first_input() const { return begin().front(); }
  int last_input() const { return begin().back() + taps_; }

 private:
  int outputs_;
  int taps_ = 0;
  std::vector<int32_t> table_;
};

}  // namespace honeybee
