#include <cmath>
#include <vector>

#include "simt_products.h"

/// The simulator's cuBLASLt against a double loop over column-major matrices.
namespace honeybee::testing {
namespace {

struct Types {
  DataType factors;
  DataType sums;
};
constexpr Types kTypes[] = {{DataType::kF32, DataType::kF32},
                            {DataType::kBf16, DataType::kBf16},
                            {DataType::kBf16, DataType::kF32},
                            {DataType::kF16, DataType::kF16},
                            {DataType::kF16, DataType::kF32}};

struct Case {
  Types types;
  int64_t m, n, k;
  bool turn_a = false, turn_b = false;
  lt::Order order_a = lt::Order::kColumn, order_d = lt::Order::kColumn;
  int32_t batch = 1;
  float alpha = 1, beta = 0;
  bool bias = false, in_place = false;
};

void compare(const Case& c) {
  Random random(1);
  Matrix a(c.types.factors, c.turn_a ? c.k : c.m, c.turn_a ? c.m : c.k, c.order_a, c.batch);
  Matrix b(c.types.factors, c.turn_b ? c.n : c.k, c.turn_b ? c.k : c.n, lt::Order::kColumn, c.batch);
  Matrix addend(c.types.sums, c.m, c.n, c.order_d, c.batch);
  Matrix out(c.types.sums, c.m, c.n, c.order_d, c.batch);
  Matrix bias(c.types.sums, c.m, 1);
  a.fill(random);
  b.fill(random);
  bias.fill(random);
  // Where C does not count it stays NaN, which must not come through.
  if (c.beta != 0) (c.in_place ? out : addend).fill(random);
  Matrix& before = c.in_place ? out : addend;
  std::vector<double> expected;
  for (int32_t i = 0; i < c.batch; i++) {
    for (int64_t col = 0; col < c.n; col++) {
      for (int64_t row = 0; row < c.m; row++) {
        double sum = 0;
        for (int64_t p = 0; p < c.k; p++)
          sum += static_cast<double>(c.turn_a ? a.at(i, p, row) : a.at(i, row, p)) *
                 static_cast<double>(c.turn_b ? b.at(i, col, p) : b.at(i, p, col));
        expected.push_back(c.alpha * sum + (c.beta == 0 ? 0 : c.beta * before.at(i, row, col)) +
                           (c.bias ? bias.at(0, row, 0) : 0));
      }
    }
  }

  Products products;
  products.alpha = c.alpha;
  products.beta = c.beta;
  products.promise_alignment(16);
  products.allow_workspace(Products::kWorkspace);
  const auto operation = [](bool turn) { return turn ? lt::Operation::kTranspose : lt::Operation::kNone; };
  EXPECT_BLAS(products.set(lt::DescAttribute::kTransA, operation(c.turn_a)));
  EXPECT_BLAS(products.set(lt::DescAttribute::kTransB, operation(c.turn_b)));
  if (c.bias) {
    EXPECT_BLAS(products.set(lt::DescAttribute::kEpilogue, lt::Epilogue::kBias));
    EXPECT_BLAS(products.set(lt::DescAttribute::kBiasPointer, bias.data));
  }
  EXPECT_BLAS(products.choose(a, b, before, out));
  EXPECT_BLAS(products.multiply(a, b, before, out));
  EXPECT_CUDA(CUDA(StreamSynchronize)(products.stream));
  out.download();
  std::vector<float> actual;
  for (int32_t i = 0; i < c.batch; i++) {
    for (int64_t col = 0; col < c.n; col++) {
      for (int64_t row = 0; row < c.m; row++) actual.push_back(out.at(i, row, col));
    }
  }
  EXPECT_TRUE(out.gaps_are_untouched());
  // Sums in float, then one rounding to a fraction of 23, 10 or 7 bits; results stay below 2 √k + 2.
  const double unit = c.types.sums == DataType::kF32   ? 0x1p-22
                      : c.types.sums == DataType::kF16 ? 0x1p-11
                                                       : 0x1p-8;
  EXPECT_CLOSE(actual, expected, unit * (2 * std::sqrt(static_cast<double>(c.k)) + 2));
}

}  // namespace

TEST_SIMT(simt_cublaslt_multiplies_column_major) {
  const Simulation simulation;
  for (const Types& types : kTypes) {
    for (const bool turn_a : {false, true}) {
      for (const bool turn_b : {false, true})
        compare({.types = types, .m = 13, .n = 7, .k = 31, .turn_a = turn_a, .turn_b = turn_b});
    }
    compare({.types = types, .m = 1, .n = 1, .k = 1});
    compare({.types = types, .m = 8, .n = 4, .k = 256});
    compare({.types = types, .m = 137, .n = 6, .k = 300, .turn_a = true});
  }
}

TEST_SIMT(simt_cublaslt_multiplies_e4m3) {
  const Simulation simulation;
  const Types types{DataType::kE4m3, DataType::kF32};
  compare({.types = types, .m = 16, .n = 1, .k = 16, .turn_a = true});
  compare({.types = types, .m = 48, .n = 7, .k = 304, .turn_a = true});
  compare({.types = types, .m = 32, .n = 5, .k = 64, .turn_a = true, .beta = 1, .in_place = true});
}

TEST_SIMT(simt_cublaslt_scales_adds_and_batches) {
  const Simulation simulation;
  for (const Types& types : kTypes) {
    compare({.types = types, .m = 5, .n = 9, .k = 12, .alpha = 0.5f, .beta = -2});
    compare({.types = types, .m = 5, .n = 9, .k = 12, .beta = 1, .in_place = true});
    compare({.types = types, .m = 5, .n = 9, .k = 12, .beta = 1, .bias = true});
    compare({.types = types, .m = 5, .n = 9, .k = 12, .turn_a = true, .batch = 3, .bias = true});
    compare(
        {.types = types, .m = 5, .n = 9, .k = 12, .order_a = lt::Order::kRow, .order_d = lt::Order::kRow});
  }
}

TEST_SIMT(simt_cublaslt_multiplies_f32_as_f32) {
  const Simulation simulation;
  Products products;
  Matrix a(DataType::kF32, 1, 1), d(DataType::kF32, 1, 1);
  const float value = 1 + 0x1p-20f;  // TF32 keeps ten bits of it
  EXPECT_CUDA(CUDA(Memcpy)(a.data, &value, 4, cudaMemcpyHostToDevice));
  EXPECT_BLAS(products.choose(a, a, d, d));
  EXPECT_BLAS(products.multiply(a, a, d, d));
  EXPECT_CUDA(CUDA(StreamSynchronize)(products.stream));
  d.download();
  EXPECT_EQ(d.at(0, 0, 0), value * value);
}

TEST_SIMT(simt_cublaslt_products_are_queued_and_captured) {
  const Simulation simulation("forward");
  Products products;
  Matrix a(DataType::kF32, 1, 1), d(DataType::kF32, 1, 1);
  const float two = 2, one = 1;
  EXPECT_CUDA(CUDA(Memcpy)(a.data, &two, 4, cudaMemcpyHostToDevice));
  EXPECT_CUDA(CUDA(Memcpy)(d.data, &one, 4, cudaMemcpyHostToDevice));
  products.beta = 1;
  EXPECT_BLAS(products.choose(a, a, d, d));
  const TestGraph graph(products.stream, [&] { EXPECT_BLAS(products.multiply(a, a, d, d)); });
  products.beta = 99;  // taken at the call
  EXPECT_CUDA(CUDA(GraphLaunch)(graph, products.stream));
  EXPECT_CUDA(CUDA(GraphLaunch)(graph, products.stream));
  d.download();
  EXPECT_EQ(d.at(0, 0, 0), 1.0f);  // nobody has waited
  EXPECT_CUDA(CUDA(StreamSynchronize)(products.stream));
  d.download();
  EXPECT_EQ(d.at(0, 0, 0), 9.0f);
}

}  // namespace honeybee::testing
