#include "expected.h"
#include "reference.h"

namespace honeybee::testing {
namespace {

struct GridCase {
  int64_t batch;
  Grid grid;
  int64_t channels;
  int64_t gap;
};

constexpr GridCase kGrids[] = {{1, {1, 1}, 1, 0},     {2, {1, 5}, 16, 0},  {1, {5, 1}, 31, 1},
                               {3, {3, 4}, 33, 2},    {2, {7, 6}, 64, 0},  {1, {4, 9}, 130, 0},
                               {1, {17, 31}, 3, 0},   {1, {16, 16}, 8, 4}, {2, {24, 24}, 48, 0},
                               {1, {12, 12}, 1024, 0}};

}  // namespace

TEST_OP(depthwise_conv3x3) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const GridCase& c : kGrids) {
      Random random(1);
      Fixture fixture(backend);
      const int64_t rows = c.batch * c.grid.cells();
      const auto x = rounded(random.normals(rows * c.channels), dtype);
      const auto weight = random.normals(9 * c.channels);
      const Tensor in = fixture.input(dtype, rows, c.channels, x, c.gap);
      const Tensor out = fixture.output(dtype, rows, c.channels, c.gap);
      backend.depthwise_conv3x3(in, fixture.parameter(weight, 9), c.grid, out);
      const Expected e = expected(
          dtype, [&]<class T>() { return reference::depthwise_conv3x3<T>(x, weight, c.grid, c.channels); });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
    }
  }
}

TEST_OP(mean_rows) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const GridCase& c : kGrids) {
      Random random(2);
      Fixture fixture(backend);
      const int64_t rows = c.batch * c.grid.cells();
      const auto x = rounded(random.normals(rows * c.channels, 1.0f, 1.0f), dtype);
      const Tensor in = fixture.input(dtype, rows, c.channels, x, c.gap);
      const Tensor out = fixture.output(dtype, c.batch, c.channels, c.gap);
      backend.mean_rows(in, out);
      const Expected e =
          expected(dtype, [&]<class T>() { return reference::mean_rows<T>(x, c.batch, c.channels); });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
    }
  }
}

TEST_OP(gate_channels) {
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const GridCase& c : kGrids) {
      Random random(3);
      Fixture fixture(backend);
      const int64_t rows = c.batch * c.grid.cells();
      const auto x = rounded(random.normals(rows * c.channels), dtype);
      const auto gate = rounded(random.normals(c.batch * c.channels, 3.0f), dtype);
      const Tensor g = fixture.input(dtype, c.batch, c.channels, gate, c.gap);
      const Tensor y = fixture.in_place(dtype, rows, c.channels, x, c.gap);
      backend.gate_channels(g, y);
      const Expected e = expected(dtype, [&]<class T>() {
        std::vector<T> out(x.size());
        for (size_t i = 0; i < x.size(); i++) {
          const size_t item = i / (x.size() / c.batch);
          out[i] = T(x[i]) * reference::sigmoid(T(gate[item * c.channels + i % c.channels]));
        }
        return out;
      });
      EXPECT_CLOSE(fixture.values(y), e.values, e.tolerance);
    }
  }
}

TEST_OP(adaptive_avg_pool) {
  // 16 → 12, 24 → 16, 16 → 8 and 16 → 20 are the shapes of C-Abstractors; 20 > 16 repeats cells.
  constexpr struct {
    Grid from;
    Grid to;
  } kPools[] = {{{16, 16}, {12, 12}}, {{24, 24}, {16, 16}}, {{16, 16}, {8, 8}},
                {{16, 16}, {20, 20}}, {{16, 16}, {16, 16}}, {{5, 3}, {1, 1}},
                {{1, 1}, {3, 2}},     {{7, 11}, {4, 13}},   {{17, 31}, {1, 1}}};
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const auto& [from, to] : kPools) {
      for (const int64_t channels : {1, 33, 80}) {
        Random random(4);
        Fixture fixture(backend);
        const int64_t batch = 2;
        const auto x = rounded(random.normals(batch * from.cells() * channels), dtype);
        const Tensor in = fixture.input(dtype, batch * from.cells(), channels, x, 3);
        const Tensor out = fixture.output(dtype, batch * to.cells(), channels, 1);
        backend.adaptive_avg_pool(in, from, to, out);
        const Expected e = expected(
            dtype, [&]<class T>() { return reference::adaptive_avg_pool<T>(x, from, to, channels); });
        EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
      }
    }
  }
}

// The bins of PyTorch's adaptive_avg_pool1d, written out: cell i of a 1 × n grid holds 2^i, so a mean names
// its bin.
TEST_OP(adaptive_avg_pool_bins) {
  struct Bins {
    int64_t from;
    int64_t to;
    std::vector<std::pair<int, int>> first;
  };
  const std::vector<Bins> cases = {{16, 12, {{0, 2}, {1, 3}, {2, 4}, {4, 6}, {5, 7}, {6, 8}}},
                                   {24, 16, {{0, 2}, {1, 3}, {3, 5}, {4, 6}, {6, 8}, {7, 9}}},
                                   {16, 8, {{0, 2}, {2, 4}, {4, 6}}},
                                   {16, 20, {{0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 4}, {4, 5}}}};
  for (const Bins& bins : cases) {
    Fixture fixture(backend);
    std::vector<float> x(bins.from);
    for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(1 << i);
    const Tensor in = fixture.input(Dtype::kF32, bins.from, 1, x);
    const Tensor out = fixture.output(Dtype::kF32, bins.to, 1);
    backend.adaptive_avg_pool(in, {1, bins.from}, {1, bins.to}, out);
    const std::vector<float> y = fixture.values(out);
    for (size_t i = 0; i < bins.first.size(); i++) {
      const auto [begin, end] = bins.first[i];
      const float sum = static_cast<float>((1 << end) - (1 << begin));
      EXPECT_EQ(y[i], sum / static_cast<float>(end - begin));
    }
  }
}

TEST_OP(patchify) {
  const PixelScale scale{{0.48145466f, 0.4578275f, 0.40821073f}, {0.26862954f, 0.26130258f, 0.27577711f}};
  for (const Dtype dtype : activation_dtypes(backend)) {
    for (const auto& [size, patch] : {std::pair<int64_t, int64_t>{14, 14}, {28, 14}, {6, 1}, {33, 11}}) {
      Random random(5);
      Fixture fixture(backend);
      const int64_t batch = 2;
      const int64_t side = size / patch;
      std::vector<uint8_t> rgb(batch * size * size * 3);
      for (uint8_t& value : rgb) value = static_cast<uint8_t>(random.below(256));
      const Tensor in = fixture.input_bytes(batch, size * size * 3, rgb, 7);
      const Tensor out = fixture.output(dtype, batch * side * side, 3 * patch * patch, 2);
      backend.patchify(in, scale, size, patch, out);
      const Expected e = expected(dtype, [&]<class T>() {
        std::vector<T> y;
        for (int64_t row = 0; row < batch * side * side; row++) {
          const int64_t image = row / (side * side);
          const int64_t top = row % (side * side) / side * patch;
          const int64_t left = row % side * patch;
          for (int64_t i = 0; i < 3 * patch * patch; i++) {
            const int64_t c = i / (patch * patch);
            const int64_t pixel = (top + i / patch % patch) * size + left + i % patch;
            const T value = T(rgb[(image * size * size + pixel) * 3 + c]);
            y.push_back((value / T(255) - T(scale.mean[c])) / T(scale.std[c]));
          }
        }
        return y;
      });
      EXPECT_CLOSE(fixture.values(out), e.values, e.tolerance);
    }
  }
}

}  // namespace honeybee::testing
