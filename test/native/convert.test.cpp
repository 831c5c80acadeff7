// copy between dtypes, which is also what loads a weight stored otherwise than wanted.
#include <cmath>
#include <utility>

#include "fixture.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

// Widths round whole groups of 8 values, rows that stay aligned and rows that do not.
TEST_OP(copy_converts_each_dtype) {
  const std::vector<Dtype> dtypes = activation_dtypes(backend);
  Random random(31);
  for (const int64_t cols : {1, 7, 8, 15, 16, 33, 2047, 2049}) {
    for (const auto& [x_gap, y_gap] : {std::pair<int64_t, int64_t>{0, 0}, {1, 1}, {8, 1}, {1, 8}, {8, 8}}) {
      const std::vector<float> values = random.normals(3 * cols);
      for (const Dtype from : dtypes) {
        for (const Dtype to : dtypes) {
          Fixture fixture(backend);
          const Tensor x = fixture.input(from, 3, cols, values, x_gap);
          const Tensor y = fixture.output(to, 3, cols, y_gap);
          backend.copy(x, y);
          EXPECT_SAME_BITS(fixture.values(y), rounded(rounded(values, from), to));
        }
      }
    }
  }
}

// More rows than a grid is high.
TEST_OP(copy_converts_many_rows) {
  Random random(32);
  const std::vector<float> values = random.normals(33'000 * 3);
  const Dtype half = backend.activation_dtype(Dtype::kBF16);
  Fixture fixture(backend);
  const Tensor y = fixture.output(half, 33'000, 3);
  backend.copy(fixture.input(Dtype::kF32, 33'000, 3, values), y);
  EXPECT_SAME_BITS(fixture.values(y), rounded(values, half));
}

// Ties go to the even neighbour; what is too large becomes infinite, and NaN stays NaN.
TEST_OP(copy_rounds_to_nearest_even) {
  const std::vector<float> values = {1.00390625f,   1.01171875f,   1.00390637f, -1.00390625f, 65519.0f,
                                     65520.0f,      -65520.0f,     3.3961e38f,  1e-7f,        5.9604645e-8f,
                                     2.9802322e-8f, 2.9802326e-8f, 0.0f,        -0.0f,        INFINITY};
  const auto count = static_cast<int64_t>(values.size());
  for (const Dtype to : activation_dtypes(backend)) {
    Fixture fixture(backend);
    const Tensor y = fixture.output(to, 1, count);
    backend.copy(fixture.input(Dtype::kF32, 1, count, values), y);
    EXPECT_SAME_BITS(fixture.values(y), rounded(values, to));
    const Tensor not_a_number = fixture.output(to, 1, 1);
    backend.copy(fixture.input(Dtype::kF32, 1, 1, {NAN}), not_a_number);
    EXPECT_TRUE(std::isnan(fixture.values(not_a_number)[0]));
  }
}

}  // namespace
}  // namespace honeybee::testing
