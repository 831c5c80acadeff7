#include "model/projectors/common.h"

namespace honeybee {

Mlp::Mlp(WeightLoader& loader, const std::string& name, int64_t depth, int64_t in, int64_t out,
         Activation activation, Dtype dtype)
    : activation_(activation) {
  for (int64_t i = 0; i < depth; i++) {
    layers_.push_back(load_linear(loader, name + "." + std::to_string(2 * i), out, i == 0 ? in : out, dtype));
  }
}

Tensor Mlp::forward(const Run& run, const Tensor& x) const {
  Tensor y = x;
  for (size_t i = 0; i < layers_.size(); i++) {
    if (i > 0) run.backend.activate(activation_, y);
    y = run.linear(y, layers_[i]);
  }
  return y;
}

EosRows::EosRows(WeightLoader& loader, int64_t count, int64_t width) : count_(count) {
  if (count > 0) rows_ = loader.parameter("projector.eos_tokens", {1, count, width});
}

Tensor EosRows::append(const Run& run, const Tensor& tokens, int64_t images) const {
  if (count_ == 0) return tokens;
  const int64_t each = tokens.rows / images;
  const Tensor out = run.arena.matrix(images * (each + count_), tokens.cols, tokens.dtype);
  for (int64_t i = 0; i < images; i++) {
    run.backend.copy(tokens.row_range(i * each, each), out.row_range(i * (each + count_), each));
    run.backend.copy(rows_.tensor, out.row_range(i * (each + count_) + each, count_));
  }
  return out;
}

Tensor copy_of(const Run& run, const Tensor& x, Dtype dtype) {
  const Tensor y = run.arena.matrix(x.rows, x.cols, dtype);
  run.backend.copy(x, y);
  return y;
}

}  // namespace honeybee
