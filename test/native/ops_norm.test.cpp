#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct Size {
  int64_t rows;
  int64_t cols;
  int64_t gap;
};

constexpr Size kSizes[] = {{1, 1, 0},  {3, 15, 2},  {2, 16, 0},   {5, 31, 1},   {4, 33, 3},
                           {7, 64, 0}, {2, 257, 5}, {577, 64, 0}, {9, 1024, 0}, {2, 4096, 8}};

// A mean far from zero shows a variance computed by cancellation.
std::vector<float> offset_normals(Random& random, int64_t count) { return random.normals(count, 1.5f, 4.0f); }

}  // namespace

TEST_OP(layer_norm) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(1);
      Fixture fixture(backend);
      const auto x = rounded(offset_normals(random, size.rows * size.cols), dtype);
      const auto weight = random.normals(size.cols, 0.2f, 1.0f);
      const auto bias = random.normals(size.cols);
      const Tensor in = fixture.input(dtype, size.rows, size.cols, x, size.gap);
      const Tensor in_place = fixture.in_place(dtype, size.rows, size.cols, x, size.gap);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap + 1);
      const Tensor w = fixture.parameter(weight);
      const Tensor b = fixture.parameter(bias);
      backend.layer_norm(in, w, b, 1e-5f, out);
      backend.layer_norm(in_place, w, b, 1e-5f, in_place);
      const Expected e = expected(
          dtype, [&]<class T>() { return reference::layer_norm<T>(x, size.rows, weight, bias, 1e-5f); });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      EXPECT_SAME_BITS(fixture.values(in_place), fixture.values(out));
    }
  }
}

TEST_OP(layer_norm_silu) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(2);
      Fixture fixture(backend);
      const auto x = rounded(offset_normals(random, size.rows * size.cols), dtype);
      const auto weight = random.normals(size.cols, 3.0f);
      const auto bias = random.normals(size.cols);
      const Tensor in = fixture.input(dtype, size.rows, size.cols, x, size.gap);
      const Tensor in_place = fixture.in_place(dtype, size.rows, size.cols, x, size.gap);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap);
      const Tensor w = fixture.parameter(weight);
      const Tensor b = fixture.parameter(bias);
      backend.layer_norm_silu(in, w, b, 1e-5f, out);
      backend.layer_norm_silu(in_place, w, b, 1e-5f, in_place);
      const Expected e = expected(dtype, [&]<class T>() {
        std::vector<T> y = reference::layer_norm<T>(x, size.rows, weight, bias, 1e-5f);
        for (T& value : y) value = reference::silu(value);
        return y;
      });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      EXPECT_SAME_BITS(fixture.values(in_place), fixture.values(out));
    }
  }
}

TEST_OP(add_layer_norm) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(3);
      Fixture fixture(backend);
      const int64_t count = size.rows * size.cols;
      const auto x = rounded(offset_normals(random, count), dtype);
      const auto residual = rounded(random.normals(count), dtype);
      const auto weight = random.normals(size.cols, 0.2f, 1.0f);
      const auto bias = random.normals(size.cols);
      const Tensor in = fixture.input(dtype, size.rows, size.cols, x, size.gap);
      const Tensor other = fixture.input(dtype, size.rows, size.cols, residual);
      const Tensor x_in_place = fixture.in_place(dtype, size.rows, size.cols, x);
      const Tensor residual_in_place = fixture.in_place(dtype, size.rows, size.cols, residual, size.gap);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap);
      const Tensor w = fixture.parameter(weight);
      const Tensor b = fixture.parameter(bias);
      backend.add_layer_norm(in, other, w, b, 1e-6f, out);
      backend.add_layer_norm(x_in_place, other, w, b, 1e-6f, x_in_place);
      backend.add_layer_norm(in, residual_in_place, w, b, 1e-6f, residual_in_place);
      const Expected e = expected(dtype, [&]<class T>() {
        std::vector<T> y(x.size());
        const auto cols = static_cast<size_t>(size.cols);
        for (int64_t r = 0; r < size.rows; r++) {
          std::vector<T> sum(cols);
          for (size_t c = 0; c < cols; c++) sum[c] = T(x[r * cols + c]) + T(residual[r * cols + c]);
          const std::vector<T> row = reference::layer_norm<T>(sum, 1, weight, bias, 1e-6f);
          for (size_t c = 0; c < cols; c++) y[r * cols + c] = row[c];
        }
        return y;
      });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      EXPECT_SAME_BITS(fixture.values(x_in_place), fixture.values(out));
      EXPECT_SAME_BITS(fixture.values(residual_in_place), fixture.values(out));
    }
  }
}

TEST_OP(rms_norm) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(4);
      Fixture fixture(backend);
      const auto x = rounded(random.normals(size.rows * size.cols, 2.0f), dtype);
      const auto weight = random.normals(size.cols, 0.2f, 1.0f);
      const Tensor in = fixture.input(dtype, size.rows, size.cols, x, size.gap);
      const Tensor in_place = fixture.in_place(dtype, size.rows, size.cols, x, size.gap);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap);
      const Tensor w = fixture.parameter(weight);
      backend.rms_norm(in, w, 1e-6f, out);
      backend.rms_norm(in_place, w, 1e-6f, in_place);
      const Expected e =
          expected(dtype, [&]<class T>() { return reference::rms_norm<T>(x, size.rows, weight, 1e-6f); });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      EXPECT_SAME_BITS(fixture.values(in_place), fixture.values(out));
    }
  }
}

// A row is normalised alike wherever it lies and whatever its neighbours are.
TEST_OP(norm_rows_are_independent) {
  Random random(5);
  Fixture fixture(backend);
  const int64_t cols = 129;
  const auto x = random.normals(40 * cols);
  const Tensor w = fixture.parameter(random.normals(cols));
  const Tensor all = fixture.input(Dtype::kF32, 40, cols, x, 3);
  const Tensor out = fixture.output(Dtype::kF32, 40, cols);
  backend.rms_norm(all, w, 1e-5f, out);
  for (const int64_t r : {0, 17, 39}) {
    const Tensor alone =
        fixture.input(Dtype::kF32, 1, cols, {x.begin() + r * cols, x.begin() + (r + 1) * cols});
    const Tensor one = fixture.output(Dtype::kF32, 1, cols);
    backend.rms_norm(alone, w, 1e-5f, one);
    EXPECT_SAME_BITS(fixture.values(one), fixture.values(out.row_range(r, 1)));
  }
}

}  // namespace honeybee::testing
