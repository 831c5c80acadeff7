#include <cmath>

#include "cpu/cpu_backend.h"
#include "paged_fixture.h"

namespace honeybee::testing {
namespace {

// How far a result may be from the text's attention. (ops_paged_codes.test.cpp has caches of codes.)
Expected attention_of(const Text& text, const Server& server, Dtype cache) {
  Expected e = expected(text.dtype, [&]<class T>() { return text.attention<T>(server.table(), cache); });
  // RoPE rounds: 3 operations on values of a few units in f32; a rotated value may fall on the other side of
  // a rounding boundary in 16 bits.
  e.tolerance += text.dtype == Dtype::kF32 ? 0x1p-20 : text.dtype == Dtype::kBF16 ? 0x1p-7 : 0x1p-10;
  // With a bf16 cache that holds of keys too, and queries and probabilities may be rounded in the products.
  if (cache == Dtype::kBF16) e.tolerance += 0x1p-6;
  return e;
}

void check_prompt(Backend& backend, const Heads& heads, Dtype cache, Dtype dtype, int64_t length,
                  Layout layout) {
  Server server(backend, heads, cache, dtype, layout);
  const Text text(heads, length, 1, dtype);
  const auto out = server.step({{&text, 0, 0, length}})[0];
  const Expected e = attention_of(text, server, cache);
  EXPECT_CLOSE(out, e.values, e.tolerance);
}

}  // namespace

TEST_OP(paged_attention_of_short_prompts) {
  constexpr Heads kHeads[] = {{1, 1, 2},   {2, 2, 64}, {8, 1, 64}, {6, 2, 34},
                              {2, 2, 128}, {3, 1, 80}, {1, 1, 24}, {20, 1, 16}};
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Dtype cache : kFloatCaches) {
      for (const Heads& heads : kHeads) {
        check_prompt(backend, heads, cache, dtype, 1, Layout::kAligned);
        check_prompt(backend, heads, cache, dtype, 16, Layout::kOddStride);
        check_prompt(backend, heads, cache, dtype, 33, Layout::kAligned);
        check_prompt(backend, heads, cache, dtype, 17, Layout::kOddBase);
      }
    }
  }
}

TEST_OP(paged_attention_of_a_long_prompt) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Heads& heads : {Heads{1, 1, 128}, Heads{1, 1, 34}})
      check_prompt(backend, heads, Dtype::kF32, dtype, 300, Layout::kAligned);
    for (const Heads& heads : {Heads{2, 1, 64}, Heads{1, 1, 80}, Heads{1, 1, 34}})
      check_prompt(backend, heads, Dtype::kBF16, dtype, 300, Layout::kOddStride);
  }
}

// As wide as heads are anywhere.
TEST_OP(paged_attention_of_wide_heads) {
  for (const Dtype cache : kFloatCaches) {
    check_prompt(backend, {2, 1, 256}, cache, Dtype::kF32, 70, Layout::kAligned);
    check_prompt(backend, {1, 1, 176}, cache, Dtype::kF32, 17, Layout::kOddStride);
  }
}

// A block whose former owner left NaN behind: positions not yet written count for nothing.
TEST_OP(paged_attention_ignores_unwritten_positions) {
  for (const Dtype cache : cache_dtypes(backend)) {
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

TEST(paged_cache_of_fp8_is_for_gpus) {
  const auto cpu = make_cpu_backend({.threads = 1});
  KvShape shape{.layers = 1, .kv_heads = 1, .head_dim = 64, .blocks = 1, .dtype = Dtype::kFp8};
  EXPECT_ERROR(cpu->make_kv_cache(shape), ErrorCode::kOption, "fp8 cache is for GPUs");
  shape.dtype = Dtype::kInt4;
  EXPECT_ERROR(cpu->make_kv_cache(shape), ErrorCode::kOption, "int4 is not f32, bf16, int8 or fp8");
}

// What the engine counts on when it divides memory into blocks.
TEST_OP(paged_caches_take_the_bytes_of_their_blocks) {
  for (const Dtype dtype : cache_dtypes(backend)) {
    const KvShape shape{.layers = 3, .kv_heads = 2, .head_dim = 64, .blocks = 5, .dtype = dtype};
    const int64_t vector = is_quantized(dtype) ? 64 + 4 : dtype == Dtype::kBF16 ? 128 : 256;
    EXPECT_EQ(shape.block_bytes(), 2 * 3 * 2 * 16 * vector);
    EXPECT_EQ(static_cast<int64_t>(backend.make_kv_cache(shape)->bytes()), 5 * shape.block_bytes());
  }
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

// A sequence goes on from copied blocks as from its own, in every layer, and the others notice nothing.
TEST_OP(copied_blocks_serve_another_sequence) {
  for (const Dtype cache : cache_dtypes(backend)) {
    Server server(backend, {4, 2, 34}, cache, Dtype::kF32);
    const Text text({4, 2, 34}, 24, 1, Dtype::kF32);
    const Text other({4, 2, 34}, 24, 2, Dtype::kF32);
    for (const int64_t layer : {0, 1}) server.step({{&text, 0, 0, 23}, {&other, 2, 0, 23}}, layer);
    server.copy_blocks(0, 1, 2);
    for (const int64_t layer : {0, 1}) {
      const auto out = server.step({{&text, 0, 23, 24}, {&text, 1, 23, 24}, {&other, 2, 23, 24}}, layer);
      EXPECT_SAME_BITS(out[1], out[0]);
      Server alone(backend, {4, 2, 34}, cache, Dtype::kF32);
      alone.step({{&other, 2, 0, 23}}, layer);
      EXPECT_SAME_BITS(out[2], alone.step({{&other, 2, 23, 24}}, layer)[0]);
    }
  }
}

TEST_OP(copied_blocks_are_of_the_cache) {
  const auto cache = backend.make_kv_cache({.layers = 1, .kv_heads = 1, .head_dim = 2, .blocks = 3});
  EXPECT_ERROR(backend.copy_block(*cache, 0, 3), ErrorCode::kOption, "a cache with 3");
  EXPECT_ERROR(backend.copy_block(*cache, -1, 0), ErrorCode::kOption, "copy_block");
}

}  // namespace honeybee::testing
