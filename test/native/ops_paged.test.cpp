#include <cmath>

#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct Heads {
  int64_t count;
  int64_t kv;
  int64_t dim;
};

std::vector<float> rope_table(int64_t positions, int64_t dim) {
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

// One text's projections before RoPE.
struct Text {
  Heads heads;
  int64_t length;
  std::vector<float> q, k, v;

  Text(const Heads& h, int64_t rows, uint64_t seed, Dtype dtype) : heads(h), length(rows) {
    Random random(seed);
    q = rounded(random.normals(rows * h.count * h.dim), dtype);
    k = rounded(random.normals(rows * h.kv * h.dim), dtype);
    v = rounded(random.normals(rows * h.kv * h.dim), dtype);
  }

  float scale() const { return 1.0f / std::sqrt(static_cast<float>(heads.dim)); }

  template <class T>
  std::vector<T> attention(const std::vector<float>& table, Dtype cache) const {
    const std::vector<float> turned_q = turned(q, table, heads.count);
    const std::vector<float> turned_k = rounded(turned(k, table, heads.kv), cache);
    return reference::causal_attention<T>(turned_q, turned_k, rounded(v, cache), heads.count, heads.kv,
                                          heads.dim, scale());
  }

  std::vector<float> turned(const std::vector<float>& x, const std::vector<float>& table,
                            int64_t count) const {
    const std::vector<double> y = reference::rope<double>(x, table, 0, count, heads.dim);
    return {y.begin(), y.end()};
  }
};

// Rows [begin, end) of a text in a step.
struct Piece {
  const Text* text;
  int64_t slot;  // which block table
  int64_t begin;
  int64_t end;
};

// A cache with a table of blocks per text; blocks are dealt backwards and interleaved, as after many
// requests.
class Server {
 public:
  static constexpr int64_t kTexts = 4;
  static constexpr int64_t kMaxBlocks = 44;

  Server(Backend& backend, const Heads& heads, Dtype cache, Dtype activations)
      : backend_(backend),
        heads_(heads),
        dtype_(activations),
        table_(rope_table(16 * kMaxBlocks, heads.dim)) {
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

  /// rope_append and paged_attention of one step; the result of each piece.
  std::vector<std::vector<float>> step(const std::vector<Piece>& pieces, int64_t layer = 1) {
    std::vector<int32_t> row_begin{0}, start, blocks;
    std::vector<float> q, k, v;
    for (const Piece& p : pieces) {
      append(q, p.text->q, p, heads_.count);
      append(k, p.text->k, p, heads_.kv);
      append(v, p.text->v, p, heads_.kv);
      row_begin.push_back(row_begin.back() + static_cast<int32_t>(p.end - p.begin));
      start.push_back(static_cast<int32_t>(p.begin));
      blocks.insert(blocks.end(), blocks_[p.slot].begin(), blocks_[p.slot].end());
    }
    const int64_t rows = row_begin.back();
    const auto batch = backend_.make_batch({.sequences = static_cast<int64_t>(start.size()),
                                            .rows = std::max<int64_t>(rows, 1),
                                            .blocks = kMaxBlocks});
    batch->set(row_begin, start, blocks);
    const int64_t width = heads_.count * heads_.dim;
    Fixture fixture(backend_);
    const Tensor queries = fixture.in_place(dtype_, rows, width, q, 5);
    const Tensor out = fixture.output(dtype_, rows, width, 1);
    backend_.rope_append(queries, fixture.input(dtype_, rows, heads_.kv * heads_.dim, k, 3),
                         fixture.input(dtype_, rows, heads_.kv * heads_.dim, v, 1),
                         fixture.parameter(table_, 16 * kMaxBlocks), *batch, layer, *cache_);
    const float scale = 1.0f / std::sqrt(static_cast<float>(heads_.dim));
    backend_.paged_attention(queries, *cache_, *batch, layer, scale, out);
    std::vector<std::vector<float>> results;
    for (int64_t s = 0; s < batch->sequences(); s++) {
      results.push_back(fixture.values(out.row_range(row_begin[s], row_begin[s + 1] - row_begin[s])));
    }
    return results;
  }

 private:
  void append(std::vector<float>& to, const std::vector<float>& from, const Piece& p, int64_t count) {
    const int64_t width = count * heads_.dim;
    to.insert(to.end(), from.begin() + p.begin * width, from.begin() + p.end * width);
  }

  Backend& backend_;
  Heads heads_;
  Dtype dtype_;
  std::vector<float> table_;
  std::vector<int32_t> blocks_[kTexts];
  std::unique_ptr<KvCache> cache_;
};

constexpr Heads kHeads[] = {{1, 1, 2}, {2, 2, 64}, {8, 1, 64}, {6, 2, 34}, {4, 4, 128}, {3, 1, 80}};

}  // namespace

TEST_OP(paged_attention_of_one_prompt) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Dtype cache : {Dtype::kF32, Dtype::kBF16}) {
      for (const Heads& heads : kHeads) {
        for (const int64_t length : {1, 16, 33, 300}) {
          Server server(backend, heads, cache, dtype);
          const Text text(heads, length, 1, dtype);
          const auto out = server.step({{&text, 0, 0, length}})[0];
          Expected e = expected(dtype, [&]<class T>() { return text.attention<T>(server.table(), cache); });
          // RoPE itself rounds in the op's dtype: 3 operations on values of a few units.
          e.tolerance += 8.0 * (dtype == Dtype::kF32 ? 0x1p-23 : 0x1p-8);
          // Rounding queries and probabilities of the products is allowed with a bf16 cache, and a rotated
          // key may fall on the other side of a rounding boundary.
          if (cache == Dtype::kBF16) e.tolerance += 0x1p-6;
          EXPECT_CLOSE(out, e.values, e.tolerance);
        }
      }
    }
  }
}

// However a prompt is cut into chunks and whatever else is in the batch, each row has the same bits.
TEST_OP(paged_attention_is_invariant) {
  for (const Heads& heads : {Heads{2, 2, 64}, Heads{8, 1, 64}, Heads{6, 2, 34}, Heads{2, 1, 80}}) {
    const int64_t length = 530;
    const int64_t width = heads.count * heads.dim;
    const Text text(heads, length, 1, Dtype::kF32);
    const Text stranger(heads, 60, 2, Dtype::kF32);
    const Text other(heads, 600, 3, Dtype::kF32);
    Server whole(backend, heads, Dtype::kF32, Dtype::kF32);
    const std::vector<float> expected = whole.step({{&text, 0, 0, length}})[0];

    Random random(4);
    for (int round = 0; round < 3; round++) {
      Server server(backend, heads, Dtype::kF32, Dtype::kF32);
      std::vector<float> joined;
      int64_t at = 0;
      int64_t far = 0;
      while (at < length) {
        const int64_t next = std::min(length, at + 1 + random.below(round == 0 ? 9 : 180));
        const int64_t far_next = std::min<int64_t>(600, far + 1 + random.below(40));
        std::vector<Piece> pieces{{&text, 1, at, next}};
        if (round > 0) pieces.insert(pieces.begin(), {&stranger, 0, 0, 1 + random.below(60)});
        if (round > 1 && far < far_next) pieces.push_back({&other, 3, far, far_next});
        const auto results = server.step(pieces);
        const std::vector<float>& mine = results[round > 0 ? 1 : 0];
        joined.insert(joined.end(), mine.begin(), mine.end());
        at = next;
        far = far_next;
      }
      EXPECT_EQ(joined.size(), static_cast<size_t>(length * width));
      EXPECT_SAME_BITS(joined, expected);
    }
  }
}

// Decoding with idle threads splits the keys; the bits stay.
TEST_OP(paged_attention_does_not_depend_on_threads) {
  for (const Dtype cache : {Dtype::kF32, Dtype::kBF16}) {
    const Heads heads{8, 1, 64};
    const Text text(heads, 601, 1, Dtype::kF32);
    std::vector<float> prompt, decoded;
    for (const int threads : {1, 2, 7}) {
      const auto other = current_device().make(threads);
      Server server(*other, heads, cache, Dtype::kF32);
      const auto first = server.step({{&text, 2, 0, 600}})[0];
      const auto second = server.step({{&text, 2, 600, 601}})[0];
      if (threads == 1) prompt = first, decoded = second;
      EXPECT_SAME_BITS(first, prompt);
      EXPECT_SAME_BITS(second, decoded);
    }
  }
}

// A block whose former owner left NaN behind: positions not yet written count for nothing.
TEST_OP(paged_attention_ignores_unwritten_positions) {
  for (const Dtype cache : {Dtype::kF32, Dtype::kBF16}) {
    const Heads heads{4, 2, 64};
    Server used(backend, heads, cache, Dtype::kF32);
    Text poison(heads, 96, 1, Dtype::kF32);
    std::fill(poison.k.begin(), poison.k.end(), NAN);
    std::fill(poison.v.begin(), poison.v.end(), NAN);
    used.step({{&poison, 0, 0, 96}});
    Server fresh(backend, heads, cache, Dtype::kF32);
    const Text text(heads, 40, 2, Dtype::kF32);
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 19}, {19, 20}, {20, 35}}) {
      const auto after = used.step({{&text, 0, begin, end}})[0];
      EXPECT_SAME_BITS(after, fresh.step({{&text, 0, begin, end}})[0]);
    }
  }
}

TEST_OP(paged_layers_are_separate) {
  const Heads heads{2, 1, 64};
  Server server(backend, heads, Dtype::kF32, Dtype::kF32);
  const Text text(heads, 20, 1, Dtype::kF32);
  const Text other(heads, 20, 2, Dtype::kF32);
  server.step({{&text, 0, 0, 19}}, 0);
  server.step({{&other, 0, 0, 19}}, 1);
  const auto last = server.step({{&text, 0, 19, 20}}, 0)[0];
  Server alone(backend, heads, Dtype::kF32, Dtype::kF32);
  alone.step({{&text, 0, 0, 19}}, 0);
  EXPECT_SAME_BITS(last, alone.step({{&text, 0, 19, 20}}, 0)[0]);
}

// A padded step gives the sequences in it the same bits, its padding zeros, and touches nobody's cache.
TEST_OP(paged_padding_is_inert) {
  const Heads heads{4, 2, 64};
  Random random(23);
  const Dtype dtype = activation_dtypes(backend).front();
  const auto cache = backend.make_kv_cache(
      {.layers = 1, .kv_heads = heads.kv, .head_dim = heads.dim, .blocks = 2, .dtype = dtype});
  const auto table = random.uniforms(32 * heads.dim, -1.0f, 1.0f);
  const auto q = random.normals(3 * heads.count * heads.dim);
  const auto k = random.normals(3 * heads.kv * heads.dim);
  const auto v = random.normals(3 * heads.kv * heads.dim);
  const auto run = [&](const std::vector<int32_t>& start, int64_t row) {
    Fixture fixture(backend);
    const auto rows = static_cast<int64_t>(start.size());
    const auto slice = [&](const std::vector<float>& values, int64_t width) {
      return std::vector<float>(values.begin() + row * width, values.begin() + (row + rows) * width);
    };
    const Tensor queries =
        fixture.in_place(dtype, rows, heads.count * heads.dim, slice(q, heads.count * heads.dim));
    const Tensor out = fixture.output(dtype, rows, heads.count * heads.dim);
    const int64_t kv = heads.kv * heads.dim;
    const auto batch = backend.make_batch({.sequences = 3, .rows = 3, .blocks = 2});
    std::vector<int32_t> row_begin{0}, blocks;
    for (int32_t i = 1; i <= rows; i++) {
      row_begin.push_back(i);
      blocks.insert(blocks.end(), {1, 0});
    }
    batch->set(row_begin, start, blocks, 32);
    backend.rope_append(queries, fixture.input(dtype, rows, kv, slice(k, kv)),
                        fixture.input(dtype, rows, kv, slice(v, kv)), fixture.parameter(table, 32), *batch, 0,
                        *cache);
    backend.paged_attention(queries, *cache, *batch, 0, 0.125f, out);
    return fixture.values(out);
  };
  const auto alone = run({0}, 1);
  const auto padded = run({-1, 0, -1}, 0);
  const int64_t width = heads.count * heads.dim;
  const std::vector<float> zeros(static_cast<size_t>(width), 0.0f);
  EXPECT_SAME_BITS(std::vector<float>(padded.begin(), padded.begin() + width), zeros);
  EXPECT_SAME_BITS(std::vector<float>(padded.begin() + width, padded.begin() + 2 * width), alone);
  EXPECT_SAME_BITS(std::vector<float>(padded.begin() + 2 * width, padded.end()), zeros);
}

}  // namespace honeybee::testing
