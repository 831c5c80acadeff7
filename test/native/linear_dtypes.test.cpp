// What products promise beyond their values: any dtype beside any weight, rows whose bits stand for
// themselves, and shapes that come again.
#include "expected.h"
#include "fixture.h"
#include "linear_reference.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr Dtype kWeights[] = {Dtype::kF32, Dtype::kBF16, Dtype::kF16};

// Values that each floating dtype holds exactly.
std::vector<float> exact(std::vector<float> values) {
  return rounded(rounded(std::move(values), Dtype::kBF16), Dtype::kF16);
}

// x and y of each dtype beside weights of each: logits are f32, and a checkpoint may mix.
TEST_OP(linear_of_mixed_dtypes) {
  const std::vector<Dtype> dtypes = activation_dtypes(backend);
  Random random(21);
  for (const Size& size : {Size{5, 72, 33}, Size{18, 72, 33}}) {
    const std::vector<float> x = exact(random.normals(size.rows * size.in));
    const std::vector<float> w = exact(random.normals(size.out * size.in, 0.1f));
    const std::vector<float> bias = random.normals(size.out);
    const std::vector<float> start = exact(random.normals(size.rows * size.out));
    for (const Dtype weights : kWeights) {
      const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, weights, w), weights);
      for (const Dtype of_x : dtypes) {
        for (const Dtype of_y : dtypes) {
          Fixture fixture(backend);
          const Tensor tx = fixture.input(of_x, size.rows, size.in, x);
          const Tensor tb = fixture.parameter(bias);
          const Tensor y = fixture.output(of_y, size.rows, size.out);
          const Tensor sum = fixture.in_place(of_y, size.rows, size.out, start);
          backend.linear(tx, *matrix, nullptr, y);
          backend.linear_add(tx, *matrix, &tb, sum);
          const std::vector<float> zeros(start.size(), 0.0f);
          const Expected plain = expected(of_y, [&]<class T>() { return product<T>(x, w, {}, zeros, size); });
          const Expected added =
              expected(of_y, [&]<class T>() { return product<T>(x, w, bias, start, size); });
          EXPECT_CLOSE(fixture.values(y), plain.values, plain.tolerance);
          EXPECT_CLOSE(fixture.values(sum), added.values, added.tolerance);
        }
      }
    }
  }
}

// The first n rows of x give the same bits for every n: what a sequence says does not depend on which others
// are decoded beside it. (On the CPU this holds for bf16 weights where `batch_invariant` asks for it.)
TEST_OP(linear_few_rows_stand_for_themselves) {
  const Size size{15, 1400, 40};
  Random random(22);
  for (const Dtype weights : kWeights) {
    const Dtype activations = backend.activation_dtype(weights);
    if (activations != weights) continue;
    const std::vector<float> w = rounded(random.normals(size.out * size.in, 0.1f), weights);
    const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, weights, w), weights);
    Fixture fixture(backend);
    const Tensor x = fixture.input(activations, size.rows, size.in,
                                   rounded(random.normals(size.rows * size.in), activations));
    const Tensor all = fixture.output(activations, size.rows, size.out);
    backend.linear(x, *matrix, nullptr, all);
    for (int64_t rows = 1; rows < size.rows; rows++) {
      const Tensor some = fixture.output(activations, rows, size.out);
      backend.linear(x.row_range(size.rows - rows, rows), *matrix, nullptr, some);
      EXPECT_SAME_BITS(fixture.values(some), fixture.values(all.row_range(size.rows - rows, rows)));
    }
  }
}

// Products that a device records work with the values of each time.
TEST_OP(linear_repeats) {
  const Size size{20, 40, 32};
  Random random(23);
  for (const Dtype weights :
       {Dtype::kF32, Dtype::kBF16, Dtype::kF16, Dtype::kInt8, Dtype::kInt4, Dtype::kFp8}) {
    const Dtype activations = backend.activation_dtype(weights);
    const Dtype stored = is_quantized(weights) ? Dtype::kF32 : weights;
    const std::vector<float> w = rounded(random.normals(size.out * size.in, 0.1f), stored);
    const std::vector<float> bias = random.normals(size.out);
    const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, stored, w), weights);
    Fixture fixture(backend);
    const Tensor tb = fixture.parameter(bias);
    const std::vector<float> nothing(static_cast<size_t>(size.rows * size.in), 0.0f);
    const Tensor x = fixture.in_place(activations, size.rows, size.in, nothing);
    const Tensor many = fixture.output(activations, size.rows, size.out);
    const Tensor few = fixture.output(activations, 3, size.out);
    for (int time = 0; time < 4; time++) {
      const std::vector<float> values = rounded(random.normals(size.rows * size.in), activations);
      std::vector<unsigned char> bytes(values.size() * dtype_size(activations));
      convert_from_float(activations, values.data(), bytes.data(), values.size());
      backend.upload(bytes.data(), x);
      backend.repeat(std::string("linear_repeats ") + dtype_name(weights), [&] {
        backend.linear(x, *matrix, &tb, many);
        backend.linear(x.row_range(0, 3), *matrix, &tb, few);
        backend.linear_add(x.row_range(3, 3), *matrix, nullptr, few);
      });
      const std::vector<float> recorded = fixture.values(many);
      const std::vector<float> recorded_few = fixture.values(few);
      backend.linear(x, *matrix, &tb, many);
      backend.linear(x.row_range(0, 3), *matrix, &tb, few);
      backend.linear_add(x.row_range(3, 3), *matrix, nullptr, few);
      EXPECT_SAME_BITS(recorded, fixture.values(many));
      EXPECT_SAME_BITS(recorded_few, fixture.values(few));
    }
  }
}

TEST_OP(linear_refuses_weights_of_others) {
  class Stranger final : public Weight {
   public:
    Stranger() : Weight(8, 8, Dtype::kF32) {}
    size_t bytes() const override { return 0; }
  };
  Fixture fixture(backend);
  const Tensor x = fixture.input(Dtype::kF32, 2, 8, std::vector<float>(16, 1.0f));
  const Tensor y = fixture.output(Dtype::kF32, 2, 8);
  EXPECT_ERROR(backend.linear(x, Stranger(), nullptr, y), ErrorCode::kOption, "another backend");
  EXPECT_ERROR(backend.linear_add(x, Stranger(), nullptr, y), ErrorCode::kOption, "another backend");
  EXPECT_ERROR(backend.embed(Stranger(), fixture.indices({0, 1}), y), ErrorCode::kOption, "another backend");
}

}  // namespace
}  // namespace honeybee::testing
