#pragma once
#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace honeybee {

/// A matrix [out, in] that belongs to the model: the weight of a linear layer or an embedding table. Its
/// layout in memory is the business of the backend that made it, and no other copy of it exists.
class Weight {
 public:
  Weight(int64_t out, int64_t in, Dtype dtype) : out_(out), in_(in), dtype_(dtype) {}
  virtual ~Weight() = default;
  Weight(const Weight&) = delete;
  Weight& operator=(const Weight&) = delete;

  int64_t out() const { return out_; }
  int64_t in() const { return in_; }
  /// Of the stored values, and so of the product: f32 multiplies in f32, bf16 rounds the activations to bf16
  /// inside the product only, f16 multiplies in f32. How int8, int4 and fp8 are multiplied is the backend's
  /// choice; each row of activations is treated by itself.
  Dtype dtype() const { return dtype_; }
  virtual size_t bytes() const = 0;

 private:
  int64_t out_;
  int64_t in_;
  Dtype dtype_;
};

}  // namespace honeybee
