// rope_append alone: paged_attention sees queries and keys only in products, where a sign that both have is
// lost.
#include "paged_fixture.h"

namespace honeybee::testing {

TEST_OP(paged_rope_turns_queries) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Heads& heads : {Heads{1, 1, 2}, Heads{3, 1, 34}, Heads{2, 2, 64}}) {
      const Text text(heads, 20, 3, dtype);
      const std::vector<float> table = rope_table(32, heads.dim);
      const auto cache = backend.make_kv_cache(
          {.layers = 1, .kv_heads = heads.kv, .head_dim = heads.dim, .blocks = 2, .dtype = Dtype::kF32});
      const auto batch = backend.make_batch({.sequences = 1, .rows = 20, .blocks = 2});
      batch->set(std::vector<int32_t>{0, 20}, std::vector<int32_t>{7}, std::vector<int32_t>{1, 0}, 32);
      Fixture fixture(backend);
      const Tensor q = fixture.in_place(dtype, 20, heads.count * heads.dim, text.q, 8);
      backend.rope_append(q, fixture.input(dtype, 20, heads.kv * heads.dim, text.k),
                          fixture.input(dtype, 20, heads.kv * heads.dim, text.v),
                          fixture.parameter(table, 32), *batch, 0, *cache);
      const Expected e = expected(
          dtype, [&]<class T>() { return reference::rope<T>(text.q, table, 7, heads.count, heads.dim); });
      EXPECT_CLOSE(fixture.values(q), e.values, e.tolerance);
    }
  }
}

}  // namespace honeybee::testing
