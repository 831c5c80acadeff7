#pragma once
#include <atomic>
#include <functional>
#include <string>

#include "core/arena.h"
#include "model/weights.h"

namespace honeybee {

/// Receives the reference points of the network by name and shape (those of `run --trace`).
using Trace = std::function<void(const std::string& name, const TensorShape& shape, const Tensor& values)>;

/// Thrown out of a forward pass that nobody waits for any more; not an error.
struct Interrupted {};

/// What every part of the network needs to compute: the device, its scratch memory, and who is watching.
struct Run {
  Backend& backend;
  Arena& arena;
  const Trace* trace = nullptr;
  const std::atomic<bool>* interrupt = nullptr;

  /// Called between layers: a pass that takes seconds can be given up in milliseconds.
  void check_interrupt() const {
    if (interrupt != nullptr && interrupt->load(std::memory_order_relaxed)) throw Interrupted{};
  }
  /// Of the stage that is under way, from 0; for profile and ranges.
  PlaceScope in_layer(int64_t layer) const { return {backend.observers(), layer}; }
  void watch(const std::string& name, const TensorShape& shape, const Tensor& values) const {
    if (trace != nullptr) (*trace)(name, shape, values);
  }

  /// y = linear(x) in a new matrix of the arena.
  Tensor linear(const Tensor& x, const Linear& layer) const {
    const Tensor y = arena.matrix(x.rows, layer.weight->out(), x.dtype);
    backend.linear(x, *layer.weight, layer.bias_or_null(), y);
    return y;
  }
  void linear_add(const Tensor& x, const Linear& layer, const Tensor& y) const {
    backend.linear_add(x, *layer.weight, layer.bias_or_null(), y);
  }
  void layer_norm(const Tensor& x, const Norm& norm, float eps, const Tensor& y) const {
    backend.layer_norm(x, norm.weight.tensor, norm.bias.tensor, eps, y);
  }
};

}  // namespace honeybee
