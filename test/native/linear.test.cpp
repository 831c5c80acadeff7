// linear and linear_add against loops in double, on every device.
#include <tuple>
#include <type_traits>
#include <utility>

#include "expected.h"
#include "fixture.h"
#include "linear_reference.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr Dtype kWeights[] = {Dtype::kF32, Dtype::kBF16, Dtype::kF16};

struct Options {
  bool bias = false;
  bool add = false;
  int64_t gap = 0;
};

void check_product(Backend& backend, Dtype weights, const Size& size, const Options& options) {
  Random random(static_cast<uint64_t>(size.rows * 7919 + size.in * 31 + size.out));
  const Dtype activations = backend.activation_dtype(weights);
  const std::vector<float> x = rounded(random.normals(size.rows * size.in), activations);
  const std::vector<float> w = rounded(random.normals(size.out * size.in, 0.1f), weights);
  const std::vector<float> bias = options.bias ? random.normals(size.out) : std::vector<float>{};
  std::vector<float> start(static_cast<size_t>(size.rows * size.out), 0.0f);
  if (options.add) start = rounded(random.normals(size.rows * size.out), activations);

  const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, weights, w), weights);
  Fixture fixture(backend);
  const Tensor tx = fixture.input(activations, size.rows, size.in, x, options.gap);
  const Tensor ty = options.add ? fixture.in_place(activations, size.rows, size.out, start, options.gap)
                                : fixture.output(activations, size.rows, size.out, options.gap);
  Tensor tb;
  if (options.bias) tb = fixture.parameter(bias);
  if (options.add) {
    backend.linear_add(tx, *matrix, options.bias ? &tb : nullptr, ty);
  } else {
    backend.linear(tx, *matrix, options.bias ? &tb : nullptr, ty);
  }

  const Expected wanted = expected(activations, [&]<class T>() {
    // The truth multiplies what the caller passed; the naive product in bf16 rounds it first.
    const bool naive = std::is_same_v<T, float>;
    return product<T>(naive && weights == Dtype::kBF16 ? rounded(x, Dtype::kBF16) : x, w, bias, start, size);
  });
  const int before = failure_count();
  EXPECT_CLOSE(fixture.values(ty), wanted.values, wanted.tolerance);
  if (failure_count() > before) {
    std::ostringstream what;
    what << dtype_name(weights) << " " << size << (options.bias ? " bias" : "")
         << (options.add ? " add" : "");
    record_failure(__FILE__, __LINE__, what.str());
  }
}

TEST_OP(linear_hostile_sizes) {
  const int64_t sides[] = {1, 31, 32, 33, 63, 64, 65};
  for (const Dtype weights : kWeights) {
    int turn = 0;
    for (const int64_t in : sides) {
      for (const int64_t out : sides) {
        // Each pair of sides with two numbers of rows, so that all numbers meet all sides.
        for (const int64_t rows : {sides[turn % 7], int64_t{2 + turn % 6}}) {
          check_product(backend, weights, {rows, in, out},
                        {.bias = turn % 2 == 0, .add = turn % 3 == 0, .gap = turn % 4});
          turn++;
        }
      }
    }
  }
}

TEST_OP(linear_every_number_of_rows) {
  for (const Dtype weights : kWeights)
    for (int64_t rows = 1; rows <= 16; rows++)
      check_product(backend, weights, {rows, 70, 130}, {.bias = true});
}

// Where devices change from one way of multiplying to another, at depths of models and beside them.
TEST_OP(linear_around_sixteen_rows) {
  for (const Dtype weights : kWeights) {
    int turn = 0;
    for (const int64_t in : {1, 31, 33, 60, 120, 588, 1024, 4096}) {
      for (const int64_t rows : {1, 15, 16, 17, 33}) {
        check_product(backend, weights, {rows, in, 24},
                      {.bias = turn % 2 == 0, .add = turn % 3 == 0, .gap = turn % 4 == 0 ? 8 : turn % 4});
        turn++;
      }
    }
  }
}

// Views that begin in the middle of a vector of 16 bytes; nothing beside them changes.
TEST_OP(linear_of_misaligned_views) {
  for (const Dtype weights : kWeights) {
    const Dtype activations = backend.activation_dtype(weights);
    for (const Size& size : {Size{3, 64, 40}, Size{20, 64, 40}}) {
      Random random(static_cast<uint64_t>(size.rows));
      const std::vector<float> x = rounded(random.normals(size.rows * (size.in + 8)), activations);
      const std::vector<float> w = rounded(random.normals(size.out * size.in, 0.1f), weights);
      const std::vector<float> bias = random.normals(size.out + 1);
      const std::vector<float> start = rounded(random.normals(size.rows * (size.out + 8)), activations);
      const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, weights, w), weights);
      Fixture fixture(backend);
      const Tensor tx = fixture.input(activations, size.rows, size.in + 8, x).col_range(1, size.in);
      const Tensor whole_y = fixture.in_place(activations, size.rows, size.out + 8, start);
      const Tensor ty = whole_y.col_range(3, size.out);
      const Tensor tb = fixture.parameter(bias).col_range(1, size.out);
      const std::vector<float> x_view = fixture.values(tx);
      const std::vector<float> start_view = fixture.values(ty);
      backend.linear_add(tx, *matrix, &tb, ty);
      const Expected wanted = expected(activations, [&]<class T>() {
        const bool naive = std::is_same_v<T, float>;
        return product<T>(naive && weights == Dtype::kBF16 ? rounded(x_view, Dtype::kBF16) : x_view, w,
                          fixture.values(tb), start_view, size);
      });
      EXPECT_CLOSE(fixture.values(ty), wanted.values, wanted.tolerance);
      for (const auto& [begin, count] : {std::pair<int64_t, int64_t>{0, 3}, {3 + size.out, 5}}) {
        std::vector<float> beside;
        for (int64_t r = 0; r < size.rows; r++)
          for (int64_t c = begin; c < begin + count; c++) beside.push_back(start[r * (size.out + 8) + c]);
        EXPECT_SAME_BITS(fixture.values(whole_y.col_range(begin, count)), beside);
      }
    }
  }
}

TEST_OP(linear_bias_add_and_strides) {
  for (const Dtype weights : kWeights)
    for (const int64_t rows : {1, 3, 7, 40})
      for (const bool bias : {false, true})
        for (const bool add : {false, true})
          for (const int64_t gap : {0, 5, 64})
            check_product(backend, weights, {rows, 96, 100}, {.bias = bias, .add = add, .gap = gap});
}

TEST_OP(linear_real_widths) {
  for (const Dtype weights : kWeights) {
    check_product(backend, weights, {1, 2048, 704}, {});
    check_product(backend, weights, {3, 5632, 128}, {.add = true});
    check_product(backend, weights, {9, 4096, 256}, {.bias = true});
    check_product(backend, weights, {5, 588, 256}, {});                // ViT-L/14 patches
    check_product(backend, weights, {200, 1100, 128}, {.add = true});  // more rows than one task takes
  }
}

// Depths that end in the middle of a block of k.
TEST_OP(linear_deep_sums) {
  for (const Dtype weights : kWeights)
    for (const int64_t in : {255, 256, 257, 511, 513, 1025, 2049})
      for (const int64_t rows : {1, 6, 13}) check_product(backend, weights, {rows, in, 40}, {.bias = true});
}

TEST_OP(linear_loads_every_stored_dtype) {
  const Size size = {4, 77, 90};
  Random random(5);
  for (const Dtype stored : kWeights) {
    for (const Dtype weights : kWeights) {
      const std::vector<float> w = rounded(random.normals(size.out * size.in, 0.1f), stored);
      const Dtype activations = backend.activation_dtype(weights);
      const std::vector<float> x = rounded(random.normals(size.rows * size.in), activations);
      const MatrixSource source(size.out, size.in, stored, w);
      const auto matrix = backend.load_matrix(source, weights);
      EXPECT_EQ(source.rows_read(), size.out);
      EXPECT_EQ(matrix->out(), size.out);
      EXPECT_EQ(matrix->in(), size.in);
      EXPECT_TRUE(matrix->dtype() == weights);
      EXPECT_TRUE(matrix->bytes() >= static_cast<size_t>(size.out * size.in) * dtype_size(weights));

      Fixture fixture(backend);
      const Tensor y = fixture.output(activations, size.rows, size.out);
      backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, y);
      const std::vector<float> kept = rounded(w, weights);
      const std::vector<float> zeros(static_cast<size_t>(size.rows * size.out), 0.0f);
      const Expected wanted = expected(activations, [&]<class T>() {
        const bool naive = std::is_same_v<T, float>;
        return product<T>(naive && weights == Dtype::kBF16 ? rounded(x, Dtype::kBF16) : x, kept, {}, zeros,
                          size);
      });
      EXPECT_CLOSE(fixture.values(y), wanted.values, wanted.tolerance);
    }
  }
}

// Infinities and NaNs stay in their row and column.
TEST_OP(linear_special_values) {
  const Size size = {6, 40, 70};
  for (const Dtype weights : kWeights) {
    const Dtype activations = backend.activation_dtype(weights);
    std::vector<float> x(static_cast<size_t>(size.rows * size.in), 1.0f);
    x[2 * size.in + 39] = std::nanf("");
    std::vector<float> w(static_cast<size_t>(size.out * size.in), 1.0f);
    w[69 * size.in] = INFINITY;
    const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, weights, w), weights);
    Fixture fixture(backend);
    const Tensor y = fixture.output(activations, size.rows, size.out);
    backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, y);
    const std::vector<float> values = fixture.values(y);
    for (int64_t r = 0; r < size.rows; r++) {
      for (int64_t n = 0; n < size.out; n++) {
        const float value = values[r * size.out + n];
        if (r == 2)
          EXPECT_TRUE(std::isnan(value));
        else
          EXPECT_EQ(value, n == 69 ? INFINITY : 40.0f);
      }
    }
  }
}

// What an earlier product left behind in working memory does not show: here NaN where rows of odd width end.
TEST_OP(linear_padding_is_zero) {
  for (const Dtype weights : kWeights) {
    const Dtype activations = backend.activation_dtype(weights);
    for (const auto& [in, value, wanted] :
         {std::tuple{int64_t{130}, std::nanf(""), std::nanf("")}, {65, 1.0f, 65.0f}}) {
      const std::vector<float> ones(static_cast<size_t>(64 * in), 1.0f);
      const auto matrix = backend.load_matrix(MatrixSource(64, in, weights, ones), weights);
      Fixture fixture(backend);
      const std::vector<float> x(static_cast<size_t>(40 * in), value);
      const Tensor y = fixture.output(activations, 40, 64);
      backend.linear(fixture.input(activations, 40, in, x), *matrix, nullptr, y);
      for (const float actual : fixture.values(y))
        EXPECT_TRUE(std::isnan(wanted) ? std::isnan(actual) : actual == wanted);
    }
  }
}

TEST_OP(linear_no_rows) {
  const auto matrix =
      backend.load_matrix(MatrixSource(8, 8, Dtype::kF32, std::vector<float>(64)), Dtype::kF32);
  Fixture fixture(backend);
  const Tensor x = fixture.input(Dtype::kF32, 0, 8, {});
  const Tensor y = fixture.output(Dtype::kF32, 0, 8);
  backend.linear(x, *matrix, nullptr, y);
  fixture.check();
}

// A source that fails in the middle of loading, on whatever thread, fails the load.
TEST_OP(linear_load_passes_errors_on) {
  class Broken final : public RowSource {
   public:
    Broken() : RowSource(1000, 64, Dtype::kF32) {}
    void read(int64_t begin, int64_t count, void* target) const override {
      std::memset(target, 0, static_cast<size_t>(count) * 64 * 4);
      if (begin + count > 700) fail(ErrorCode::kCheckpoint, "weights.safetensors ends in row 700");
    }
  };
  EXPECT_ERROR(backend.load_matrix(Broken(), Dtype::kBF16), ErrorCode::kCheckpoint, "ends in row 700");
  EXPECT_ERROR(backend.load_table(Broken(), Dtype::kBF16), ErrorCode::kCheckpoint, "ends in row 700");
}

}  // namespace
}  // namespace honeybee::testing
