#pragma once
#include "model/weights.h"

namespace honeybee {

/// Seeded random weights of any shape, made on the fly: norms are the identity, biases 0, reference points
/// the regular grid, everything else uniform with standard deviation 0.02 (the reference's initialisation),
/// in bf16.
class RandomStore final : public TensorStore {
 public:
  explicit RandomStore(uint64_t seed) : seed_(seed) {}
  std::unique_ptr<RowSource> open(const std::string& name, const TensorShape& shape) override;

 private:
  uint64_t seed_;
};

}  // namespace honeybee
