// Products with int8, int4 and fp8 weights against loops in double.
#include <cmath>
#include <limits>
#include <utility>

#include "coded_source.h"
#include "eights.h"
#include "expected.h"
#include "fixture.h"
#include "linear_reference.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

constexpr Dtype kFormats[] = {Dtype::kInt8, Dtype::kInt4, Dtype::kFp8};

// Numbers that keep their value when a row is rounded to e4m3 in units of its largest / 448, and in bf16 too.
std::vector<float> e4m3s(Random& random, int64_t rows, int64_t cols) {
  std::vector<float> x;
  for (int64_t r = 0; r < rows; r++) {
    const float step = std::exp2(static_cast<float>(random.below(7) - 8));
    const int64_t largest = random.below(cols);
    for (int64_t i = 0; i < cols; i++) {
      const auto code = static_cast<uint8_t>(random.below(0x78) | (random.below(2) << 7));  // below 256
      x.push_back(step * (i == largest ? -448.0f : float_from_fp8(code)));
    }
  }
  return x;
}

// Activations that no device rounds beside weights of this format.
std::vector<float> exact_rows(Dtype format, Random& random, int64_t rows, int64_t cols) {
  return format == Dtype::kFp8 ? e4m3s(random, rows, cols) : eights(random, rows, cols);
}

// The values that a matrix has in a format.
std::vector<float> as_format(Dtype format, const std::vector<float>& w, const Size& size) {
  const CodeLayout layout{.format = format, .group = format == Dtype::kInt4 ? kInt4Group : size.in};
  std::vector<uint8_t> codes(static_cast<size_t>(size.in));
  std::vector<float> scales(codes.size());
  std::vector<uint8_t> zeros(codes.size());
  const CodeRows row{codes.data(), scales.data(), format == Dtype::kInt4 ? zeros.data() : nullptr};
  std::vector<float> values(w.size());
  for (int64_t n = 0; n < size.out; n++) {
    quantize_row(format, w.data() + n * size.in, size.in, row);
    dequantize_row(layout, row, size.in, values.data() + n * size.in);
  }
  return values;
}

void check_product(Backend& backend, const Weight& matrix, const std::vector<float>& w, const Size& size,
                   int turn) {
  Random random(static_cast<uint64_t>(size.rows * 7919 + size.in * 31 + size.out));
  const Dtype activations = backend.activation_dtype(matrix.dtype());
  const std::vector<float> x = exact_rows(matrix.dtype(), random, size.rows, size.in);
  const std::vector<float> bias = turn % 2 == 0 ? random.normals(size.out) : std::vector<float>{};
  const bool add = turn % 3 == 0;
  std::vector<float> start(static_cast<size_t>(size.rows * size.out), 0.0f);
  if (add) start = rounded(random.normals(size.rows * size.out), activations);

  Fixture fixture(backend);
  const Tensor tx = fixture.input(activations, size.rows, size.in, x, turn % 4);
  const Tensor ty = add ? fixture.in_place(activations, size.rows, size.out, start, turn % 5)
                        : fixture.output(activations, size.rows, size.out, turn % 5);
  Tensor tb;
  if (!bias.empty()) tb = fixture.parameter(bias);
  if (add)
    backend.linear_add(tx, matrix, bias.empty() ? nullptr : &tb, ty);
  else
    backend.linear(tx, matrix, bias.empty() ? nullptr : &tb, ty);

  const Expected wanted =
      expected(activations, [&]<class T>() { return product<T>(x, w, bias, start, size); });
  const int before = failure_count();
  EXPECT_CLOSE(fixture.values(ty), wanted.values, wanted.tolerance);
  if (failure_count() > before) {
    std::ostringstream what;
    what << dtype_name(matrix.dtype()) << " " << size;
    record_failure(__FILE__, __LINE__, what.str());
  }
}

void check_format(Backend& backend, Dtype format, const Size& size, int turn) {
  Random random(static_cast<uint64_t>(size.in * 31 + size.out));
  const std::vector<float> w = random.normals(size.out * size.in, 0.1f);
  const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, Dtype::kF32, w), format);
  EXPECT_TRUE(matrix->dtype() == format);
  check_product(backend, *matrix, as_format(format, w, size), size, turn);
}

TEST_OP(linear_quantized_hostile_sizes) {
  const int64_t sides[] = {1, 31, 32, 33, 63, 64, 65};
  for (const Dtype format : kFormats) {
    int turn = 0;
    for (const int64_t in : sides) {
      for (const int64_t out : sides) {
        for (const int64_t rows : {sides[turn % 7], int64_t{2 + turn % 6}})
          check_format(backend, format, {rows, in, out}, turn++);
      }
    }
  }
}

TEST_OP(linear_quantized_every_number_of_rows) {
  for (const Dtype format : kFormats)
    for (int64_t rows = 1; rows <= 20; rows++)
      check_format(backend, format, {rows, 96, 130}, static_cast<int>(rows));
}

TEST_OP(linear_quantized_long_rows) {
  for (const Dtype format : kFormats) {
    check_format(backend, format, {3, 2500, 40}, 1);
    check_format(backend, format, {40, 1111, 70}, 2);
  }
}

// Where devices change from one kernel to another, at sides that no tile divides and at such as all do.
TEST_OP(linear_quantized_around_tiles) {
  int turn = 1;
  for (const Dtype format : kFormats) {
    for (const int64_t rows : {15, 16, 17, 64, 65, 100, 129}) {
      const Size size{rows, turn % 2 == 0 ? 384 : 300, turn % 3 == 0 ? 144 : 137};
      check_format(backend, format, size, turn++);
    }
  }
}

// What a sequence says does not depend on which others run beside it, where that is asked for.
TEST_OP(linear_quantized_rows_stand_for_themselves) {
  const auto invariant = current_device().make_invariant();
  const Size size{37, 700, 48};
  Random random(15);
  for (const Dtype format : kFormats) {
    const Dtype activations = invariant->activation_dtype(format);
    const std::vector<float> w = random.normals(size.out * size.in, 0.1f);
    const auto matrix = invariant->load_matrix(MatrixSource(size.out, size.in, Dtype::kF32, w), format);
    Fixture fixture(*invariant);
    const Tensor x = fixture.input(activations, size.rows, size.in,
                                   rounded(random.normals(size.rows * size.in), activations));
    const Tensor all = fixture.output(activations, size.rows, size.out);
    invariant->linear(x, *matrix, nullptr, all);
    for (const int64_t rows : {1, 7, 9, 17, 20}) {
      const Tensor some = fixture.output(activations, rows, size.out);
      invariant->linear(x.row_range(size.rows - rows, rows), *matrix, nullptr, some);
      EXPECT_SAME_BITS(fixture.values(some), fixture.values(all.row_range(size.rows - rows, rows)));
    }
  }
}

// Codes that were made elsewhere stay what they are, in groups of any multiple of 32 and in any order.
TEST_OP(linear_keeps_codes) {
  for (const int64_t group : {32, 64, 96, 128, 320}) {
    for (const bool ordered : {false, true}) {
      const Size size{ordered ? 5 : 21, 320, 70};
      CodeLayout layout{.format = Dtype::kInt4, .group = group};
      for (int32_t i = 0; ordered && i < 320; i++) layout.order.push_back((i * 7 + 3) % 320);
      const CodedSource source(size.out, size.in, layout, 7);
      const auto matrix = backend.load_matrix(source, Dtype::kInt4);
      const std::vector<float> w = source.values();
      // Rounding happens in the order of the codes, so x must be exact whichever columns share a unit.
      Random random(8);
      std::vector<float> x(static_cast<size_t>(size.rows * size.in));
      for (float& value : x) value = random.below(2) == 0 ? 127.0f : -127.0f;
      const Dtype activations = backend.activation_dtype(Dtype::kInt4);
      Fixture fixture(backend);
      const Tensor y = fixture.output(activations, size.rows, size.out);
      backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, y);
      const std::vector<float> start(static_cast<size_t>(size.rows * size.out), 0.0f);
      const Expected wanted =
          expected(activations, [&]<class T>() { return product<T>(x, w, {}, start, size); });
      EXPECT_CLOSE(fixture.values(y), wanted.values, wanted.tolerance);
    }
  }
  for (const Dtype format : {Dtype::kInt8, Dtype::kFp8}) {
    const Size size{4, 100, 50};
    const CodedSource source(size.out, size.in, {.format = format, .group = size.in}, 9);
    const auto matrix = backend.load_matrix(source, format);
    check_product(backend, *matrix, source.values(), size, 1);
  }
}

// x and y of each dtype beside codes of each, in their order and another: logits are f32, and a checkpoint
// may mix.
TEST_OP(linear_quantized_of_mixed_dtypes) {
  Random random(17);
  std::vector<CodeLayout> layouts = {{.format = Dtype::kInt8, .group = 72},
                                     {.format = Dtype::kFp8, .group = 72},
                                     {.format = Dtype::kInt4, .group = 32},
                                     {.format = Dtype::kInt4, .group = 32}};
  for (int32_t i = 0; i < 72; i++) layouts.back().order.push_back((i * 5 + 3) % 72);
  for (const Size& size : {Size{5, 72, 32}, Size{18, 72, 32}}) {
    const std::vector<float> none(static_cast<size_t>(size.rows * size.out), 0.0f);
    for (const CodeLayout& layout : layouts) {
      const CodedSource source(size.out, size.in, layout, 18);
      const auto matrix = backend.load_matrix(source, layout.format);
      const std::vector<float> w = source.values();
      std::vector<float> x = exact_rows(layout.format, random, size.rows, size.in);
      // In whatever order columns share a unit.
      for (float& value : x) value = layout.order.empty() ? value : value < 0.0f ? -127.0f : 127.0f;
      for (const Dtype of_x : activation_dtypes(backend)) {
        for (const Dtype of_y : activation_dtypes(backend)) {
          Fixture fixture(backend);
          const Tensor tx = fixture.input(of_x, size.rows, size.in, x);
          const Tensor y = fixture.output(of_y, size.rows, size.out);
          backend.linear(tx, *matrix, nullptr, y);
          const Expected plain = expected(of_y, [&]<class T>() { return product<T>(x, w, {}, none, size); });
          EXPECT_CLOSE(fixture.values(y), plain.values, plain.tolerance);
          // Sums as large as the products, in rows that begin anywhere.
          const std::vector<float> start = rounded(random.normals(size.rows * size.out, 300.0f), of_y);
          const Tensor sum = fixture.in_place(of_y, size.rows, size.out, start, 3);
          backend.linear_add(tx, *matrix, nullptr, sum);
          const Expected added = expected(of_y, [&]<class T>() { return product<T>(x, w, {}, start, size); });
          EXPECT_CLOSE(fixture.values(sum), added.values, added.tolerance);
        }
      }
    }
  }
}

// What quantizing is for. Of int4 in groups of 32 a scale and a zero come to the half byte.
TEST_OP(linear_quantized_is_small) {
  const MatrixSource source(256, 1024, Dtype::kF32, std::vector<float>(256 * 1024, 0.5f));
  const std::pair<Dtype, double> limits[] = {{Dtype::kInt8, 1.01}, {Dtype::kInt4, 0.63}, {Dtype::kFp8, 1.01}};
  for (const auto& [format, limit] : limits) {
    const auto bytes = static_cast<double>(backend.load_matrix(source, format)->bytes());
    EXPECT_TRUE(bytes <= limit * 256 * 1024);
  }
}

// A tied head looks rows up in the same matrix, and finds exactly what its codes say.
TEST_OP(embed_from_codes) {
  for (const Dtype format : kFormats) {
    const int64_t out = 70;
    const int64_t in = 96;
    const CodedSource source(out, in, {.format = format, .group = format == Dtype::kInt4 ? 32 : in}, 11);
    const auto matrix = backend.load_matrix(source, format);
    Fixture fixture(backend);
    const Tensor y = fixture.output(Dtype::kF32, 5, in);
    backend.embed(*matrix, fixture.indices({69, -1, 70, 0, 17}), y);
    std::vector<float> wanted = source.values(69);
    wanted.resize(3 * static_cast<size_t>(in), 0.0f);
    for (const int64_t row : {0, 17}) {
      const std::vector<float> values = source.values(row);
      wanted.insert(wanted.end(), values.begin(), values.end());
    }
    EXPECT_SAME_BITS(fixture.values(y), wanted);
  }
}

// Where activations are rounded to 8 bits a value is off by at most half a step of its unit, max |x| / 127.
TEST_OP(linear_quantized_error_bound) {
  const Size size{6, 500, 33};
  Random random(12);
  const Dtype activations = backend.activation_dtype(Dtype::kInt8);
  std::vector<float> x = rounded(random.normals(size.rows * size.in), activations);
  x[40] = 300.0f;  // spoils its own unit and no other
  const std::vector<float> w = random.normals(size.out * size.in, 0.1f);
  for (const Dtype format : {Dtype::kInt8, Dtype::kInt4}) {
    const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, Dtype::kF32, w), format);
    const std::vector<float> values = as_format(format, w, size);
    Fixture fixture(backend);
    const Tensor y = fixture.output(Dtype::kF32, size.rows, size.out);
    backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, y);
    const std::vector<float> actual = fixture.values(y);
    for (int64_t r = 0; r < size.rows; r++) {
      for (int64_t n = 0; n < size.out; n++) {
        double exact = 0.0;
        double bound = 1e-4;
        for (int64_t k = 0; k < size.in; k += kUnit) {
          double most = 0.0;
          double weights = 0.0;
          for (int64_t i = k; i < std::min(k + kUnit, size.in); i++) {
            const double value = x[r * size.in + i];
            exact += value * values[n * size.in + i];
            most = std::max(most, std::fabs(value));
            weights += std::fabs(values[n * size.in + i]);
          }
          bound += most / 254.0 * weights * 1.001;
        }
        EXPECT_TRUE(std::fabs(actual[r * size.out + n] - exact) <= bound);
      }
    }
  }
}

// Many rows beside fp8 may be rounded to e4m3: a value is off by at most half a step of its 3 bits of
// mantissa, |x| / 16, and one that is small beside the largest of its row by half of the smallest step.
TEST_OP(linear_fp8_error_bound) {
  const Size size{18, 500, 32};
  Random random(16);
  const Dtype activations = backend.activation_dtype(Dtype::kFp8);
  std::vector<float> x = rounded(random.normals(size.rows * size.in), activations);
  for (int64_t i = 0; i < size.in; i++) x[size.in + i] = 0.0f;
  x[2 * size.in + 7] = 3000.0f;  // the others of its row become small
  const std::vector<float> w = random.normals(size.out * size.in, 0.1f);
  const std::vector<float> values = as_format(Dtype::kFp8, w, size);
  const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, Dtype::kF32, w), Dtype::kFp8);
  Fixture fixture(backend);
  const Tensor y = fixture.output(Dtype::kF32, size.rows, size.out);
  backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, y);
  const std::vector<float> actual = fixture.values(y);
  for (int64_t r = 0; r < size.rows; r++) {
    double most = 0.0;
    for (int64_t k = 0; k < size.in; k++)
      most = std::max(most, std::fabs(static_cast<double>(x[r * size.in + k])));
    for (int64_t n = 0; n < size.out; n++) {
      double exact = 0.0;
      double bound = 1e-4;
      for (int64_t k = 0; k < size.in; k++) {
        const double value = x[r * size.in + k];
        const double weight = values[n * size.in + k];
        exact += value * weight;
        bound += 1.001 * std::fabs(weight) * std::max(std::fabs(value) / 16.0, most / 448.0 * 0x1p-10);
      }
      EXPECT_TRUE(std::fabs(actual[r * size.out + n] - exact) <= bound);
    }
  }
}

// A row that went wrong says so, and its neighbours do not notice.
TEST_OP(linear_quantized_rows_with_nan) {
  Random random(13);
  for (const Size& size : {Size{4, 96, 20}, Size{19, 96, 32}}) {
    const std::vector<float> w = random.normals(size.out * size.in);
    for (const Dtype format : kFormats) {
      const Dtype activations = backend.activation_dtype(format);
      const auto matrix = backend.load_matrix(MatrixSource(size.out, size.in, Dtype::kF32, w), format);
      for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        std::vector<float> x = exact_rows(format, random, size.rows, size.in);
        Fixture fixture(backend);
        const Tensor clean = fixture.output(activations, size.rows, size.out);
        const Tensor spoiled = fixture.output(activations, size.rows, size.out);
        backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, clean);
        x[static_cast<size_t>(2 * size.in + 50)] = bad;
        backend.linear(fixture.input(activations, size.rows, size.in, x), *matrix, nullptr, spoiled);
        for (int64_t row = 0; row < size.rows; row++) {
          const std::vector<float> values = fixture.values(spoiled.row_range(row, 1));
          if (row != 2)
            EXPECT_SAME_BITS(values, fixture.values(clean.row_range(row, 1)));
          else
            for (const float value : values) EXPECT_TRUE(!std::isfinite(value));
        }
      }
    }
  }
}

TEST_OP(linear_quantized_refusals) {
  const CodedSource odd(8, 96, {.format = Dtype::kInt4, .group = 48}, 14);
  EXPECT_ERROR(backend.load_matrix(odd, Dtype::kInt4), ErrorCode::kOption, "groups of 48");
  const MatrixSource source(2, 4, Dtype::kF32, std::vector<float>(8, 1.0f));
  EXPECT_ERROR(backend.load_table(source, Dtype::kInt8), ErrorCode::kOption, "f32, bf16 or f16, not int8");
  EXPECT_ERROR(backend.load_matrix(source, Dtype::kU8), ErrorCode::kOption, "int4 or fp8, not u8");
  const MatrixSource nan(1, 2, Dtype::kF32, {1.0f, std::nanf("")});
  for (const Dtype format : kFormats)
    EXPECT_ERROR(backend.load_matrix(nan, format), ErrorCode::kCheckpoint, "not a number");
}

}  // namespace
}  // namespace honeybee::testing
