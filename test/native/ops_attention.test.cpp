#include <cmath>

#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct Case {
  int64_t batch;
  int64_t queries;
  int64_t keys;
  int64_t heads;
  int64_t dim;
};

// One key, one more or less than a block of keys, a tile of queries and a range of keys; ViT, resampler and
// D-Abstractor heads; dimensions that fill no vector.
constexpr Case kCases[] = {{1, 1, 1, 1, 1},    {2, 3, 5, 2, 7},      {1, 9, 15, 3, 16},
                           {2, 8, 17, 2, 31},  {1, 33, 33, 2, 33},   {1, 17, 257, 2, 64},
                           {2, 7, 256, 1, 80}, {1, 5, 577, 1, 64},   {1, 2, 513, 1, 72},
                           {1, 4, 40, 2, 128}, {1, 144, 64, 1, 128}, {1, 18, 70, 1, 144}};

// What rounding the operands of both products to bf16 costs a naive implementation.
double bf16_product_error(const std::vector<float>& q, const std::vector<float>& k,
                          const std::vector<float>& v, const Case& c, float scale,
                          const std::vector<double>& exact) {
  const auto rounded_inputs =
      reference::attention<double>(rounded(q, Dtype::kBF16), rounded(k, Dtype::kBF16),
                                   rounded(v, Dtype::kBF16), c.batch, c.heads, c.dim, scale);
  double error = 0.0;
  double largest = 0.0;
  for (const float value : v) largest = std::max(largest, std::fabs(static_cast<double>(value)));
  for (size_t i = 0; i < exact.size(); i++) error = std::max(error, std::fabs(rounded_inputs[i] - exact[i]));
  return error + 0x1p-9 * largest;  // the probabilities sum to 1 and are each off by 2^-9 at most
}

}  // namespace

TEST_OP(attention) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const Dtype product : {Dtype::kF32, Dtype::kBF16}) {
      for (const Case& c : kCases) {
        Random random(1);
        Fixture fixture(backend);
        const int64_t width = c.heads * c.dim;
        const float scale = 1.0f / std::sqrt(static_cast<float>(c.dim));
        const auto q = rounded(random.normals(c.batch * c.queries * width, 2.0f), dtype);
        const auto k = rounded(random.normals(c.batch * c.keys * width), dtype);
        const auto v = rounded(random.normals(c.batch * c.keys * width), dtype);
        const Tensor out = fixture.output(dtype, c.batch * c.queries, width, 3);
        backend.attention(fixture.input(dtype, c.batch * c.queries, width, q, 2 * width),
                          fixture.input(dtype, c.batch * c.keys, width, k, 1),
                          fixture.input(dtype, c.batch * c.keys, width, v),
                          {.batch = c.batch, .heads = c.heads, .scale = scale, .product = product}, out);
        Expected e = expected(dtype, [&]<class T>() {
          return reference::attention<T>(q, k, v, c.batch, c.heads, c.dim, scale);
        });
        if (product == Dtype::kBF16) e.tolerance += 2.0 * bf16_product_error(q, k, v, c, scale, e.values);
        EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      }
    }
  }
}

// Scores of a thousand would overflow without subtracting their maximum, also across ranges of keys.
TEST_OP(attention_of_large_scores) {
  Random random(2);
  const Case c{1, 9, 600, 2, 64};
  const auto q = random.normals(c.queries * 128, 20.0f);
  const auto k = random.normals(c.keys * 128, 20.0f);
  const auto v = random.normals(c.keys * 128);
  Fixture fixture(backend);
  const Tensor out = fixture.output(Dtype::kF32, c.queries, 128);
  backend.attention(fixture.input(Dtype::kF32, c.queries, 128, q), fixture.input(Dtype::kF32, c.keys, 128, k),
                    fixture.input(Dtype::kF32, c.keys, 128, v), {.heads = 2, .scale = 0.25f}, out);
  const Expected e =
      expected(Dtype::kF32, [&]<class T>() { return reference::attention<T>(q, k, v, 1, 2, 64, 0.25f); });
  EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
}

TEST_OP(attention_reads_fused_projections) {
  Random random(3);
  const int64_t rows = 37;
  const int64_t width = 96;
  const auto qkv = random.normals(rows * 3 * width);
  Fixture fixture(backend);
  const Tensor fused = fixture.input(Dtype::kF32, rows, 3 * width, qkv);
  const Tensor out = fixture.output(Dtype::kF32, rows, width);
  backend.attention(fused.col_range(0, width), fused.col_range(width, width),
                    fused.col_range(2 * width, width), {.heads = 3, .scale = 0.2f}, out);
  const Expected e = expected(Dtype::kF32, [&]<class T>() {
    std::vector<float> parts[3];
    for (int64_t i = 0; i < rows * 3 * width; i++) parts[i / width % 3].push_back(qkv[i]);
    return reference::attention<T>(parts[0], parts[1], parts[2], 1, 3, 32, 0.2f);
  });
  EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
}

TEST_OP(attention_does_not_depend_on_threads) {
  Random random(4);
  const auto q = random.normals(21 * 128);
  const auto k = random.normals(300 * 128);
  const auto v = random.normals(300 * 128);
  std::vector<float> first;
  for (const int threads : {1, 2, 5}) {
    const auto other = current_device().make(threads);
    Fixture fixture(*other);
    const Tensor out = fixture.output(Dtype::kF32, 21, 128);
    other->attention(fixture.input(Dtype::kF32, 21, 128, q), fixture.input(Dtype::kF32, 300, 128, k),
                     fixture.input(Dtype::kF32, 300, 128, v), {.heads = 2, .scale = 0.125f}, out);
    if (first.empty()) first = fixture.values(out);
    EXPECT_SAME_BITS(fixture.values(out), first);
  }
}

}  // namespace honeybee::testing
