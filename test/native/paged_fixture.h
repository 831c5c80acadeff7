#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "expected.h"
#include "reference.h"

/// Texts before RoPE, and a cache that serves them in steps.
namespace honeybee::testing {

struct Heads {
  int64_t count;
  int64_t kv;
  int64_t dim;
};

inline std::vector<float> rope_table(int64_t positions, int64_t dim) {
  std::vector<float> table(positions * dim);
  for (int64_t p = 0; p < positions; p++) {
    for (int64_t i = 0; i < dim / 2; i++) {
      const double angle = static_cast<double>(p) * std::pow(10000.0, -2.0 * static_cast<double>(i) / dim);
      table[p * dim + i] = static_cast<float>(std::cos(angle));
      table[p * dim + dim / 2 + i] = static_cast<float>(std::sin(angle));
    }
  }
  return table;
}

/// The same with sines and cosines of 0 and ±1, so that turned values are sums of two. Every implementation
/// rounds these alike and finds the same codes, where a value on a boundary would else be a whole step off.
inline std::vector<float> plain_rope_table(int64_t positions, int64_t dim) {
  std::vector<float> table(positions * dim);
  for (int64_t p = 0; p < positions; p++) {
    for (int64_t i = 0; i < dim / 2; i++) {
      table[p * dim + i] = static_cast<float>((p + i + 2) % 3 - 1);
      table[p * dim + dim / 2 + i] = static_cast<float>((p / 3 + i) % 3 - 1);
    }
  }
  return table;
}

/// `values` as a cache holds them: each of its codes has the scale of its vector of `dim` values.
inline std::vector<float> as_stored(std::vector<float> values, int64_t dim, Dtype cache) {
  if (!is_quantized(cache)) return rounded(std::move(values), cache);
  for (auto first = values.begin(); first < values.end(); first += dim) {
    float most = 0.0f;
    for (auto v = first; v < first + dim; v++) most = std::max(most, std::fabs(*v));
    const float scale = most / (cache == Dtype::kInt8 ? 127.0f : 448.0f);
    const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
    for (auto v = first; v < first + dim; v++) {
      const float code = *v * inverse;
      *v = scale * (cache == Dtype::kInt8 ? std::nearbyint(code) : float_from_fp8(fp8_from_float(code)));
    }
  }
  return values;
}

/// The dtypes that a cache may have: those of every backend, codes where there are some, and all.
inline constexpr Dtype kFloatCaches[] = {Dtype::kF32, Dtype::kBF16};
inline std::vector<Dtype> code_dtypes(const Backend& backend) {
  if (backend.name() == "cpu") return {Dtype::kInt8};
  return {Dtype::kInt8, Dtype::kFp8};
}
inline std::vector<Dtype> cache_dtypes(const Backend& backend) {
  std::vector<Dtype> dtypes = code_dtypes(backend);
  dtypes.insert(dtypes.begin(), {Dtype::kF32, Dtype::kBF16});
  return dtypes;
}

/// One text's projections before RoPE.
struct Text {
  Heads heads;
  int64_t length;
  Dtype dtype;  ///< of activations
  std::vector<float> q, k, v;

  Text(const Heads& h, int64_t rows, uint64_t seed, Dtype activations)
      : heads(h), length(rows), dtype(activations) {
    Random random(seed);
    q = rounded(random.normals(rows * h.count * h.dim), dtype);
    k = rounded(random.normals(rows * h.kv * h.dim), dtype);
    v = rounded(random.normals(rows * h.kv * h.dim), dtype);
  }

  float scale() const { return 1.0f / std::sqrt(static_cast<float>(heads.dim)); }

  /// Each row's attention, with what is stored in between rounded as it is stored. `factors` is the dtype
  /// that queries, keys and values have where they are multiplied.
  template <class T>
  std::vector<T> attention(const std::vector<float>& table, Dtype cache, Dtype factors = Dtype::kF32) const {
    const std::vector<float> turned_q = rounded(turned(q, table, heads.count), dtype);
    const std::vector<float> turned_k = as_stored(turned(k, table, heads.kv), heads.dim, cache);
    return reference::causal_attention<T>(rounded(turned_q, factors), rounded(turned_k, factors),
                                          rounded(as_stored(v, heads.dim, cache), factors), heads.count,
                                          heads.kv, heads.dim, scale());
  }

  std::vector<float> turned(const std::vector<float>& x, const std::vector<float>& table,
                            int64_t count) const {
    const std::vector<double> y = reference::rope<double>(x, table, 0, count, heads.dim);
    return {y.begin(), y.end()};
  }
};

/// Rows [begin, end) of a text in a step.
struct Piece {
  const Text* text;
  int64_t slot;  ///< which block table
  int64_t begin;
  int64_t end;
};

/// What backends get of the pieces of one step.
struct Step {
  std::vector<int32_t> row_begin{0}, start, blocks;
  std::vector<float> q, k, v;

  void add(const Piece& p, const std::vector<int32_t>& table) {
    const Heads& heads = p.text->heads;
    append(q, p.text->q, p, heads.count * heads.dim);
    append(k, p.text->k, p, heads.kv * heads.dim);
    append(v, p.text->v, p, heads.kv * heads.dim);
    row_begin.push_back(row_begin.back() + static_cast<int32_t>(p.end - p.begin));
    start.push_back(static_cast<int32_t>(p.begin));
    blocks.insert(blocks.end(), table.begin(), table.end());
  }

  int64_t rows() const { return row_begin.back(); }
  int64_t sequences() const { return static_cast<int64_t>(start.size()); }

 private:
  static void append(std::vector<float>& to, const std::vector<float>& from, const Piece& p, int64_t width) {
    to.insert(to.end(), from.begin() + p.begin * width, from.begin() + p.end * width);
  }
};

/// How rows of activations lie: ready to be read in vectors, an odd number of values apart, or from an odd
/// value on.
enum class Layout { kAligned, kOddStride, kOddBase };

/// A cache with a table of blocks per text; blocks are dealt backwards and interleaved, as after many
/// requests.
class Server {
 public:
  static constexpr int64_t kTexts = 4;
  static constexpr int64_t kMaxBlocks = 44;

  Server(Backend& backend, const Heads& heads, Dtype cache, Dtype activations,
         Layout layout = Layout::kOddStride)
      : backend_(backend),
        heads_(heads),
        dtype_(activations),
        layout_(layout),
        table_((is_quantized(cache) ? plain_rope_table : rope_table)(16 * kMaxBlocks, heads.dim)) {
    cache_ = backend.make_kv_cache({.layers = 2,
                                    .kv_heads = heads.kv,
                                    .head_dim = heads.dim,
                                    .blocks = kTexts * kMaxBlocks,
                                    .dtype = cache});
    for (int64_t t = 0; t < kTexts; t++) {
      for (int64_t b = 0; b < kMaxBlocks; b++) {
        blocks_[t].push_back(static_cast<int32_t>((kMaxBlocks - 1 - b) * kTexts + t));
      }
    }
  }

  const std::vector<float>& table() const { return table_; }

  Step prepare(const std::vector<Piece>& pieces) const {
    Step step;
    for (const Piece& p : pieces) step.add(p, blocks_[p.slot]);
    return step;
  }

  /// rope_append and paged_attention, which uses `queries` (rotated in place) and writes `out`.
  void run(const Tensor& queries, const Tensor& k, const Tensor& v, const Tensor& table,
           const PagedBatch& batch, int64_t layer, const Tensor& out) {
    backend_.rope_append(queries, k, v, table, batch, layer, *cache_);
    backend_.paged_attention(queries, *cache_, batch, layer, 1.0f / std::sqrt(static_cast<float>(heads_.dim)),
                             out);
  }

  /// Copies the first blocks of one table to those of another.
  void copy_blocks(int64_t from, int64_t to, int64_t count) {
    for (int64_t b = 0; b < count; b++) backend_.copy_block(*cache_, blocks_[from][b], blocks_[to][b]);
  }

  /// Both operations of one step; the result of each piece.
  std::vector<std::vector<float>> step(const std::vector<Piece>& pieces, int64_t layer = 1,
                                       int64_t length_bound = 0) {
    const Step s = prepare(pieces);
    const int64_t rows = s.rows();
    const auto batch = backend_.make_batch(
        {.sequences = s.sequences(), .rows = std::max<int64_t>(rows, 1), .blocks = kMaxBlocks});
    batch->set(s.row_begin, s.start, s.blocks, length_bound);
    const int64_t width = heads_.count * heads_.dim;
    const int64_t kv_width = heads_.kv * heads_.dim;
    Fixture fixture(backend_);
    const bool odd = layout_ == Layout::kOddStride;
    const Tensor out = fixture.output(dtype_, rows, width, odd ? 1 : 0);
    run(queries(fixture, s, rows, width), fixture.input(dtype_, rows, kv_width, s.k, odd ? 3 : 16),
        fixture.input(dtype_, rows, kv_width, s.v, odd ? 1 : 0), fixture.parameter(table_, 16 * kMaxBlocks),
        *batch, layer, out);
    return split(fixture.values(out), s);
  }

  /// The rows of each piece.
  std::vector<std::vector<float>> split(const std::vector<float>& values, const Step& s) const {
    const int64_t width = heads_.count * heads_.dim;
    std::vector<std::vector<float>> results;
    for (int64_t i = 0; i < s.sequences(); i++)
      results.emplace_back(values.begin() + s.row_begin[i] * width,
                           values.begin() + s.row_begin[i + 1] * width);
    return results;
  }

 private:
  Tensor queries(Fixture& fixture, const Step& s, int64_t rows, int64_t width) const {
    if (layout_ != Layout::kOddBase)
      return fixture.in_place(dtype_, rows, width, s.q, layout_ == Layout::kAligned ? 8 : 5);
    std::vector<float> values;
    for (int64_t r = 0; r < rows; r++) {
      values.push_back(0.0f);
      values.insert(values.end(), s.q.begin() + r * width, s.q.begin() + (r + 1) * width);
    }
    // Rows lie a multiple of eight apart nevertheless.
    return fixture.in_place(dtype_, rows, width + 1, values, 15 - width % 8).col_range(1, width);
  }

  Backend& backend_;
  Heads heads_;
  Dtype dtype_;
  Layout layout_;
  std::vector<float> table_;
  std::vector<int32_t> blocks_[kTexts];
  std::unique_ptr<KvCache> cache_;
};

}  // namespace honeybee::testing
