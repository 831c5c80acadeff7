#include "paged_fixture.h"

namespace honeybee::testing {

// A sequence that has no row in a step of single rows leaves the others as they are.
TEST_OP(paged_decoding_beside_sequences_without_rows) {
  const Heads heads{2, 1, 64};
  const Text text(heads, 101, 4, Dtype::kF32);
  const Text other(heads, 40, 5, Dtype::kF32);
  for (const Dtype cache : {Dtype::kF32, Dtype::kBF16}) {
    Server server(backend, heads, cache, Dtype::kF32);
    server.step({{&text, 0, 0, 100}, {&other, 1, 0, 40}});
    const auto alone = server.step({{&text, 0, 100, 101}}, 1, 110);
    const auto beside = server.step({{&other, 1, 39, 39}, {&text, 0, 100, 101}, {&other, 1, 39, 39}}, 1, 110);
    EXPECT_TRUE(beside[0].empty());
    EXPECT_SAME_BITS(beside[1], alone[0]);
  }
}

}  // namespace honeybee::testing
