// embed against a lookup, on every device.
#include "fixture.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr Dtype kWeights[] = {Dtype::kF32, Dtype::kBF16, Dtype::kF16};

// Ids inside a table of 130 rows, at its ends, and outside.
const std::vector<int32_t> kIds = {0, 129, 64, 63, -1, 64, 130, 7};

// Rows kIds of `values` [130, width], zeros for an id outside.
std::vector<float> looked_up(const std::vector<float>& values, int64_t width) {
  std::vector<float> rows;
  for (const int32_t id : kIds) {
    if (id < 0 || id >= 130) {
      rows.insert(rows.end(), static_cast<size_t>(width), 0.0f);
    } else {
      rows.insert(rows.end(), values.begin() + id * width, values.begin() + (id + 1) * width);
    }
  }
  return rows;
}

// Rows of whole vectors and others; y with and without a gap that keeps them aligned.
TEST_OP(embed_from_table_and_matrix) {
  Random random(9);
  const int64_t gaps[] = {0, 3, 8, 1};  // four, so that each meets each of three dtypes
  int turn = 0;
  for (const int64_t width : {1, 33, 64, 97, 600}) {
    for (const Dtype stored : kWeights) {
      for (const Dtype weights : kWeights) {
        const std::vector<float> values = rounded(random.normals(130 * width), stored);
        const MatrixSource source(130, width, stored, values);
        for (const auto& table :
             {backend.load_table(source, weights), backend.load_matrix(source, weights)}) {
          for (const Dtype activations : activation_dtypes(backend)) {
            Fixture fixture(backend);
            const Tensor y =
                fixture.output(activations, static_cast<int64_t>(kIds.size()), width, gaps[turn++ % 4]);
            backend.embed(*table, fixture.indices(kIds), y);
            const std::vector<float> kept = rounded(rounded(values, weights), activations);
            EXPECT_SAME_BITS(fixture.values(y), looked_up(kept, width));
          }
        }
      }
    }
  }
}

// A row longer than what is read of a checkpoint at once.
TEST_OP(embed_from_very_long_rows) {
  const int64_t width = 1'100'003;
  Random random(10);
  const std::vector<float> values = random.uniforms(2 * width, -1.0f, 1.0f);
  const MatrixSource source(2, width, Dtype::kF32, values);
  for (const Dtype weights : {Dtype::kF32, Dtype::kBF16}) {
    const auto table = backend.load_table(source, weights);
    const Dtype activations = backend.activation_dtype(weights);
    Fixture fixture(backend);
    const Tensor y = fixture.output(activations, 1, width);
    backend.embed(*table, fixture.indices({1}), y);
    const std::vector<float> row(values.begin() + width, values.end());
    EXPECT_SAME_BITS(fixture.values(y), rounded(rounded(row, weights), activations));
  }
}

TEST_OP(embed_no_ids) {
  const auto table = backend.load_table(MatrixSource(8, 8, Dtype::kF32, std::vector<float>(64)), Dtype::kF32);
  Fixture fixture(backend);
  backend.embed(*table, fixture.indices({}), fixture.output(Dtype::kF32, 0, 8));
  fixture.check();
}

}  // namespace
}  // namespace honeybee::testing
