#include <cmath>

#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct Size {
  int64_t rows;
  int64_t cols;
  int64_t gap;
};

constexpr Size kSizes[] = {{1, 1, 0},   {1, 31, 0}, {3, 32, 0},   {5, 33, 2},
                           {2, 257, 1}, {7, 64, 0}, {33, 600, 0}, {1, 20000, 0}};

template <class Function>
Expected expected_of(Dtype dtype, size_t count, Function function) {
  return expected(dtype, [&]<class T>() {
    std::vector<T> y(count);
    for (size_t i = 0; i < count; i++) y[i] = function.template operator()<T>(i);
    return y;
  });
}

}  // namespace

TEST_OP(activate) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Activation kind :
         {Activation::kSilu, Activation::kGelu, Activation::kQuickGelu, Activation::kRelu}) {
      for (const Size& size : kSizes) {
        Random random(1);
        Fixture fixture(backend);
        const auto x = rounded(random.normals(size.rows * size.cols, 3.0f), dtype);
        const Tensor t = fixture.in_place(dtype, size.rows, size.cols, x, size.gap);
        backend.activate(kind, t);
        const Expected e = expected_of(
            dtype, x.size(), [&]<class T>(size_t i) { return reference::activation(kind, T(x[i])); });
        EXPECT_CLOSE(fixture.values(t), e.values, e.tolerance);
      }
    }
  }
}

// Far out an activation is 0 or x; it must not overflow into infinity minus infinity on the way.
TEST_OP(activate_extremes) {
  const std::vector<float> x = {-1e30f, -1000.0f, -104.5f, -88.8f, -20.0f, -0.0f, 0.0f,
                                1e-30f, 20.0f,    88.8f,   1e4f,   3e38f,  NAN};
  for (const Activation kind :
       {Activation::kSilu, Activation::kGelu, Activation::kQuickGelu, Activation::kRelu}) {
    Fixture fixture(backend);
    const Tensor t = fixture.in_place(Dtype::kF32, 1, static_cast<int64_t>(x.size()), x);
    backend.activate(kind, t);
    const std::vector<float> y = fixture.values(t);
    for (size_t i = 0; i + 1 < x.size(); i++) {
      const double exact = reference::activation(kind, static_cast<double>(x[i]));
      EXPECT_TRUE(std::fabs(y[i] - exact) <= 1e-6 * std::fabs(exact) + 3e-6);
    }
    EXPECT_TRUE(std::isnan(y.back()));
  }
}

TEST_OP(silu_mul) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(2);
      Fixture fixture(backend);
      const auto x = rounded(random.normals(size.rows * size.cols * 2, 2.0f), dtype);
      const Tensor in = fixture.input(dtype, size.rows, 2 * size.cols, x, size.gap);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap);
      backend.silu_mul(in, out);
      const Expected e = expected_of(dtype, x.size() / 2, [&]<class T>(size_t i) {
        const size_t gate = i / size.cols * 2 * size.cols + i % size.cols;
        return reference::silu(T(x[gate])) * T(x[gate + size.cols]);
      });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
    }
  }
}

TEST_OP(add) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Dtype added : {dtype, Dtype::kF32}) {
      for (const int64_t repeat : {1, 3}) {
        for (const Size& size : kSizes) {
          Random random(3);
          Fixture fixture(backend);
          const int64_t count = size.rows * size.cols;
          const auto x = rounded(random.normals(count), added);
          const auto y = rounded(random.normals(count * repeat), dtype);
          const Tensor in = fixture.input(added, size.rows, size.cols, x, size.gap);
          const Tensor sum = fixture.in_place(dtype, size.rows * repeat, size.cols, y, size.gap);
          backend.add(in, sum);
          const Expected e =
              expected_of(dtype, y.size(), [&]<class T>(size_t i) { return T(y[i]) + T(x[i % x.size()]); });
          EXPECT_CLOSE(fixture.values(sum), e.values, e.tolerance);
        }
      }
    }
  }
}

TEST_OP(add_silu) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Size& size : kSizes) {
      Random random(4);
      Fixture fixture(backend);
      const int64_t count = size.rows * size.cols;
      const auto x = rounded(random.normals(count, 2.0f), dtype);
      const auto residual = rounded(random.normals(count, 2.0f), dtype);
      const Tensor in = fixture.input(dtype, size.rows, size.cols, x, size.gap);
      const Tensor other = fixture.input(dtype, size.rows, size.cols, residual);
      const Tensor x_in_place = fixture.in_place(dtype, size.rows, size.cols, x);
      const Tensor residual_in_place = fixture.in_place(dtype, size.rows, size.cols, residual);
      const Tensor out = fixture.output(dtype, size.rows, size.cols, size.gap);
      backend.add_silu(in, other, out);
      backend.add_silu(x_in_place, other, x_in_place);
      backend.add_silu(in, residual_in_place, residual_in_place);
      const Expected e = expected_of(
          dtype, x.size(), [&]<class T>(size_t i) { return reference::silu(T(x[i]) + T(residual[i])); });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      EXPECT_SAME_BITS(fixture.values(x_in_place), fixture.values(out));
      EXPECT_SAME_BITS(fixture.values(residual_in_place), fixture.values(out));
    }
  }
}

TEST_OP(copy_converts) {
  constexpr Dtype kFloats[] = {Dtype::kF32, Dtype::kBF16, Dtype::kF16};
  for (const Dtype from : kFloats) {
    for (const Dtype to : kFloats) {
      for (const Size& size : kSizes) {
        Random random(5);
        Fixture fixture(backend);
        const auto x = rounded(random.normals(size.rows * size.cols, 100.0f), from);
        const Tensor in = fixture.input(from, size.rows, size.cols, x, size.gap);
        const Tensor out = fixture.output(to, size.rows, size.cols, size.gap * 2);
        backend.copy(in, out);
        EXPECT_SAME_BITS(fixture.values(out), rounded(x, to));
      }
    }
  }
}

TEST_OP(gather_rows_by_index) {
  const std::vector<int32_t> rows = {3, 0, -1, 3, 4, 5, 1};
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const int64_t width : {1, 31, 33, 64, 257}) {
      Random random(6);
      Fixture fixture(backend);
      const auto x = rounded(random.normals(5 * width), dtype);
      const Tensor in = fixture.input(dtype, 5, width, x, 3);
      const Tensor out = fixture.output(dtype, static_cast<int64_t>(rows.size()), width, 1);
      backend.gather_rows(in, fixture.indices(rows), out);
      std::vector<float> wanted;
      for (const int32_t row : rows) {
        for (int64_t c = 0; c < width; c++) wanted.push_back(row >= 0 && row < 5 ? x[row * width + c] : 0.0f);
      }
      EXPECT_SAME_BITS(fixture.values(out), wanted);
    }
  }
}

TEST_OP(elementwise_without_rows) {
  Fixture fixture(backend);
  const Tensor none = fixture.output(Dtype::kF32, 0, 8);
  const Tensor wide = fixture.output(Dtype::kF32, 0, 16);
  const Tensor row = fixture.input(Dtype::kF32, 1, 8, std::vector<float>(8, 1.0f));
  backend.activate(Activation::kSilu, none);
  backend.silu_mul(wide, none);
  backend.add(row, none);
  backend.add_silu(none, none, none);
  backend.copy(none, none);
  backend.rms_norm(none, row, 1e-5f, none);
  EXPECT_EQ(fixture.values(none).size(), 0u);
}

}  // namespace honeybee::testing
