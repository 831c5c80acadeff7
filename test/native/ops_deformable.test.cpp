#include <cmath>
#include <limits>

#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct Case {
  int64_t batch;
  int64_t heads;
  int64_t dim;
  int64_t points;
  int64_t queries;
  std::vector<Grid> levels;
};

struct Data {
  std::vector<float> value, offsets, logits, reference;
};

int64_t cells_of(const Case& c) {
  int64_t cells = 0;
  for (const Grid& level : c.levels) cells += level.cells();
  return cells;
}

Data random_data(const Case& c, float reach) {
  Random random(1);
  const int64_t samples = c.heads * static_cast<int64_t>(c.levels.size()) * c.points;
  return {random.normals(c.batch * cells_of(c) * c.heads * c.dim),
          random.normals(c.batch * c.queries * samples * 2, reach),
          random.normals(c.batch * c.queries * samples, 2.0f), random.uniforms(c.queries * 2, 0.0f, 1.0f)};
}

std::vector<float> sample(Backend& backend, const Case& c, const Data& data) {
  Fixture fixture(backend);
  const int64_t width = c.heads * c.dim;
  const int64_t samples = c.heads * static_cast<int64_t>(c.levels.size()) * c.points;
  const Tensor out = fixture.output(Dtype::kF32, c.batch * c.queries, width, 2);
  backend.deformable_sample(fixture.input(Dtype::kF32, c.batch * cells_of(c), width, data.value, 3),
                            fixture.input(Dtype::kF32, c.batch * c.queries, samples * 2, data.offsets, 1),
                            fixture.input(Dtype::kF32, c.batch * c.queries, samples, data.logits, 1),
                            fixture.parameter(data.reference, c.queries),
                            {c.batch, c.heads, c.points, c.levels}, out);
  return fixture.values(out);
}

Expected sampled(const Case& c, const Data& d) {
  return expected(Dtype::kF32, [&]<class T>() {
    return reference::deformable_sample<T>(d.value, d.offsets, d.logits, d.reference,
                                           {c.batch, c.heads, c.points, c.levels}, c.dim);
  });
}

}  // namespace

TEST_OP(deformable_sample) {
  const std::vector<Case> cases = {
      {1, 1, 1, 1, 1, {{1, 1}}},           {2, 2, 7, 3, 5, {{3, 4}}},
      {1, 8, 128, 4, 9, {{16, 16}}},       {2, 3, 33, 5, 4, {{8, 6}, {4, 3}, {1, 2}}},
      {1, 2, 16, 20, 3, {{5, 5}, {2, 7}}}, {1, 1, 3, 2, 3, {{1, 259}, {517, 1}}}};
  for (const Case& c : cases) {
    for (const float reach : {0.0f, 0.7f, 6.0f}) {
      const Data data = random_data(c, reach);
      const Expected e = sampled(c, data);
      EXPECT_CLOSE(sample(backend, c, data), e.values, e.tolerance);
    }
  }
}

// Centres, edges and corners of cells, where the weights are exactly 0, ½ and 1.
TEST_OP(deformable_sample_on_the_border) {
  const Case c{1, 1, 1, 1, 6, {{2, 3}}};
  Data data = random_data(c, 0.0f);
  data.value = {1, 2, 4, 8, 16, 32};
  data.reference.assign(12, 0.0f);
  data.offsets = {0.5f, 0.5f, 3.0f, 2.0f, 0.0f, 0.0f, 1.0f, 0.5f, -0.5f, 0.5f, 2.5f, 1.0f};
  EXPECT_SAME_BITS(sample(backend, c, data), (std::vector<float>{1.0f, 8.0f, 0.25f, 1.5f, 0.0f, 18.0f}));
}

// The half of the last cell that lies towards the edge, of maps whose size bf16 does not hold.
TEST_OP(deformable_sample_in_the_last_cell) {
  for (const Grid grid : {Grid{1, 257}, Grid{257, 1}}) {
    const Case c{1, 1, 1, 1, 1, {grid}};
    Data data = random_data(c, 0.0f);
    data.reference = {0.0f, 0.0f};
    data.offsets = {grid.width == 257 ? 256.75f : 0.5f, grid.height == 257 ? 256.75f : 0.5f};
    data.value.back() = 8.0f;
    EXPECT_SAME_BITS(sample(backend, c, data), std::vector<float>{6.0f});
  }
}

// Offsets that no integer holds sample nothing; the other points are as without them.
TEST_OP(deformable_sample_far_away) {
  const float infinity = std::numeric_limits<float>::infinity();
  const Case c{1, 2, 20, 4, 3, {{4, 5}}};
  for (const float far : {1e9f, -1e9f, 3e38f, infinity, -infinity, NAN, -1e19f}) {
    for (int axis = 0; axis < 2; axis++) {
      Data data = random_data(c, 1.0f);
      for (size_t i = axis; i < data.offsets.size(); i += 4) data.offsets[i] = far;
      Data zero = data;
      for (size_t i = axis; i < data.offsets.size(); i += 4) zero.offsets[i] = 1000.0f;
      const Expected e = sampled(c, zero);
      EXPECT_CLOSE(sample(backend, c, data), e.values, e.tolerance);
    }
  }
}

}  // namespace honeybee::testing
