#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/dtype.h"
#include "core/paged.h"
#include "core/tensor.h"
#include "core/weight.h"

namespace honeybee {

/// The sizes of an operation: of its input, and of what it meets there or what becomes of it.
struct OpShape {
  enum class Relation : uint8_t { kAlone, kTimes, kTo };
  int64_t rows = 0;
  int64_t cols = 0;
  Relation relation = Relation::kAlone;
  int64_t other_rows = 0;
  int64_t other_cols = 0;
  Dtype dtype = Dtype::kF32;  ///< of the weight or the cache where there is one, else of the input

  /// "[144, 2048] × [5632, 2048] bf16", "[256, 1024] → [144, 1024] f32", "[257, 1024] f32".
  std::string text() const;
};

/// What an operation cannot avoid, from its shapes. Each input is read once and each result written once.
/// Operations are counted where a matrix, a convolution, attention or deformable sampling multiplies, a
/// multiply-add as two; norms, activations and the like are a few a value and left out, as in lib/model/
/// cost.ts.
struct OpWork {
  OpShape shape;
  int64_t bytes = 0;
  int64_t flops = 0;
  std::optional<Dtype> product;  ///< what the products are computed in; none where nothing is counted
};

template <class... Tensors>
int64_t bytes_of(const Tensors&... t) {
  return ((t.size() * static_cast<int64_t>(dtype_size(t.dtype))) + ...);
}
/// Of a matrix [out, in]; int4 has a scale of 16 and a zero of 4 bits for 32 values, the scales of rows do
/// not count.
int64_t weight_bytes(int64_t out, int64_t in, Dtype dtype);

/// One that only moves or maps values, this many bytes in and out.
OpWork moving(const Tensor& x, int64_t bytes);
OpWork moving(const Tensor& x, const Tensor& y, int64_t bytes);

/// y = x wᵀ, or y += x wᵀ, which reads y too.
OpWork linear_work(const Tensor& x, const Weight& w, const Tensor& y, bool adds);
OpWork embed_work(const Weight& table, const Tensor& y);
/// `batch` independent items.
OpWork attention_work(const Tensor& q, const Tensor& k, int64_t batch, Dtype product);
/// Each row attends to all positions up to its own; keys and values are read once a sequence.
OpWork paged_attention_work(const Tensor& q, const KvShape& cache, const PagedBatch& batch);
OpWork rope_append_work(const Tensor& q, const Tensor& k, const KvShape& cache);
/// All layers of one block, read and written.
OpWork copy_block_work(const KvShape& cache);
OpWork convolution_work(const Tensor& x, int64_t taps);
/// Bilinear: four corners a sample, then the samples of a head, five multiply-adds a channel.
OpWork deformable_work(const Tensor& value, const Tensor& offsets, const Tensor& logits, const Tensor& y,
                       int64_t samples);

}  // namespace honeybee
