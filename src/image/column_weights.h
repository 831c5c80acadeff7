#pragma once
#include <vector>

#include "core/bicubic_axis.h"
#include "image/resize_kernels.h"

namespace honeybee {

/// Packs `count` weights into blocks, the last one filled up with zeros.
void pack_weights(const int32_t* weights, int count, WeightBlock* blocks);

/// The packed weights of the horizontal pass, a group of output columns at a time: one group for any usual
/// picture, several for rows of millions of pixels, whose weights would take more memory than the picture.
class ColumnWeights {
 public:
  explicit ColumnWeights(const BicubicAxis& axis);

  struct Group {
    int first;
    int count;
  };
  const std::vector<Group>& groups() const { return groups_; }

  /// The taps of the group's columns; valid until the next call.
  const ColumnTaps* taps(const Group& group);

 private:
  const BicubicAxis& axis_;
  std::vector<Group> groups_;
  std::vector<WeightBlock> blocks_;
  std::vector<ColumnTaps> taps_;
  int packed_first_ = -1;
};

}  // namespace honeybee
