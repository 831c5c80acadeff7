#pragma once
#include <vector>

#include "model/config.h"
#include "model/run.h"

namespace honeybee {

/// Llama decoder (Touvron et al. 2023) with grouped-query attention over a paged KV cache.
class Llama {
 public:
  /// `positions`: how far the rotary table reaches, the longest sequence that can be run.
  Llama(const TextConfig& config, WeightLoader& loader, const WeightDtypes& dtypes, int64_t positions,
        Backend* backend);

  /// Token embeddings [ids, D] into y; zeros for negative ids.
  void embed(const Run& run, const Tensor& ids, const Tensor& y) const;

  /// Runs the rows of a step, x [T, D] (overwritten), appending their keys and values to the cache. `logits`
  /// f32 [n, V] become those of the rows listed in `wanted` i32 [n, 1].
  void forward(const Run& run, const Tensor& x, const PagedBatch& batch, const Tensor& wanted, KvCache& cache,
               const Tensor& logits) const;

  KvShape kv_shape(int64_t blocks, Dtype dtype) const;
  const TextConfig& config() const { return config_; }
  Dtype dtype() const { return dtype_; }

 private:
  struct Layer {
    Parameter norm1;
    std::unique_ptr<Weight> qkv;
    std::unique_ptr<Weight> out;
    Parameter norm2;
    std::unique_ptr<Weight> gate_up;
    std::unique_ptr<Weight> down;
  };

  void attend(const Run& run, const Layer& layer, int64_t index, const PagedBatch& batch, KvCache& cache,
              const Tensor& x) const;
  void feed_forward(const Run& run, const Layer& layer, const Tensor& x) const;

  TextConfig config_;
  Dtype dtype_;
  std::unique_ptr<Weight> table_;  // null when tied: then head_ is the table too
  std::vector<Layer> layers_;
  Parameter norm_;
  std::unique_ptr<Weight> head_;
  Parameter cos_sin_;
};

}  // namespace honeybee
