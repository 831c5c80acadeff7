#include "core/op_work.h"

#include <sstream>

namespace honeybee {
namespace {

using Relation = OpShape::Relation;

// Bytes of the keys and values of one position and layer.
int64_t position_bytes(const KvShape& cache) { return cache.block_bytes() / (cache.layers * kKvBlock); }

}  // namespace

std::string OpShape::text() const {
  std::ostringstream text;
  text << "[" << rows << ", " << cols << "]";
  if (relation != Relation::kAlone) {
    text << (relation == Relation::kTimes ? " × [" : " → [") << other_rows << ", " << other_cols << "]";
  }
  text << " " << dtype_name(dtype);
  return text.str();
}

int64_t weight_bytes(int64_t out, int64_t in, Dtype dtype) {
  if (dtype == Dtype::kInt4) return out * in * 37 / 64;
  return out * in * static_cast<int64_t>(dtype_size(dtype));
}

OpWork moving(const Tensor& x, int64_t bytes) {
  return {{.rows = x.rows, .cols = x.cols, .dtype = x.dtype}, bytes, 0, std::nullopt};
}

OpWork moving(const Tensor& x, const Tensor& y, int64_t bytes) {
  return {{x.rows, x.cols, Relation::kTo, y.rows, y.cols, x.dtype}, bytes, 0, std::nullopt};
}

OpWork linear_work(const Tensor& x, const Weight& w, const Tensor& y, bool adds) {
  return {{x.rows, x.cols, Relation::kTimes, w.out(), w.in(), w.dtype()},
          bytes_of(x) + weight_bytes(w.out(), w.in(), w.dtype()) + (adds ? 2 : 1) * bytes_of(y),
          2 * x.rows * w.in() * w.out(),
          w.dtype()};
}

OpWork embed_work(const Weight& table, const Tensor& y) {
  return {{table.out(), table.in(), Relation::kTo, y.rows, y.cols, table.dtype()},
          weight_bytes(y.rows, table.in(), table.dtype()) + bytes_of(y),
          0,
          std::nullopt};
}

OpWork attention_work(const Tensor& q, const Tensor& k, int64_t batch, Dtype product) {
  return {{q.rows, q.cols, Relation::kTimes, k.rows, k.cols, q.dtype},
          bytes_of(q, q, k, k),
          4 * q.rows * (k.rows / batch) * q.cols,
          product == Dtype::kF32 ? q.dtype : product};
}

OpWork paged_attention_work(const Tensor& q, const KvShape& cache, const PagedBatch& batch) {
  int64_t pairs = 0;
  int64_t positions = 0;
  for (int64_t s = 0; s < batch.sequences(); s++) {
    const int64_t start = batch.start()[static_cast<size_t>(s)];
    if (start < 0) continue;
    const int64_t rows = batch.rows(s);
    pairs += rows * start + rows * (rows + 1) / 2;
    positions += start + rows;
  }
  return {{q.rows, q.cols, Relation::kTimes, positions, cache.kv_heads * cache.head_dim, cache.dtype},
          bytes_of(q, q) + positions * position_bytes(cache),
          4 * pairs * q.cols,
          q.dtype};
}

OpWork rope_append_work(const Tensor& q, const Tensor& k, const KvShape& cache) {
  return {{q.rows, q.cols, Relation::kTo, k.rows, k.cols, cache.dtype},
          bytes_of(q, q, k, k) + k.rows * position_bytes(cache),
          0,
          std::nullopt};
}

OpWork copy_block_work(const KvShape& cache) {
  return {{.rows = cache.layers * kKvBlock, .cols = cache.kv_heads * cache.head_dim, .dtype = cache.dtype},
          2 * cache.block_bytes(),
          0,
          std::nullopt};
}

OpWork convolution_work(const Tensor& x, int64_t taps) {
  return {{x.rows, x.cols, Relation::kTimes, taps, x.cols, x.dtype},
          bytes_of(x, x) + taps * x.cols * static_cast<int64_t>(sizeof(float)),
          2 * taps * x.size(),
          x.dtype};
}

OpWork deformable_work(const Tensor& value, const Tensor& offsets, const Tensor& logits, const Tensor& y,
                       int64_t samples) {
  return {{value.rows, value.cols, Relation::kTo, y.rows, y.cols, value.dtype},
          bytes_of(value, offsets, logits, y),
          10 * samples * y.size(),
          value.dtype};
}

}  // namespace honeybee
