#pragma once
#include <string>
#include <vector>

#include "model/projectors/projector.h"

namespace honeybee {

/// Linear, then (depth - 1) × [activation, Linear], biases everywhere; stored as a sequential: `<name>.0`,
/// `<name>.2` …
class Mlp {
 public:
  Mlp() = default;
  Mlp(WeightLoader& loader, const std::string& name, int64_t depth, int64_t in, int64_t out,
      Activation activation, Dtype dtype);
  /// [T, in] → [T, out] in the arena.
  Tensor forward(const Run& run, const Tensor& x) const;

 private:
  Activation activation_ = Activation::kSilu;
  std::vector<Linear> layers_;
};

/// The learned rows ("think tokens") that follow the visual tokens of each image.
class EosRows {
 public:
  EosRows() = default;
  EosRows(WeightLoader& loader, int64_t count, int64_t width);
  /// [images·M, C] → [images·(M + K), C]; the input itself when there are none.
  Tensor append(const Run& run, const Tensor& tokens, int64_t images) const;

 private:
  int64_t count_ = 0;
  Parameter rows_;
};

/// A copy of x in the arena, in the given dtype.
Tensor copy_of(const Run& run, const Tensor& x, Dtype dtype);

}  // namespace honeybee
