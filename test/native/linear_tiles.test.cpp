// The AMX product of bf16 without AMX.
#include "cpu/linear_pack.h"
#include "cpu/packed_matrix.h"
#include "cpu/variant.h"
#include "emulated_kernels.h"
#include "expected.h"
#include "fixture.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

cpu::VariantSet emulated_variants("linear, emulated tiles", "bf16", {cpu::Isa::kPortable});

void check_tiles(int64_t rows, int64_t in, int64_t out, bool with_bias, bool add) {
  tile_state = {};
  cpu::ThreadPool pool(1);
  cpu::Scratch scratch;
  cpu::Cpu cpu{pool, scratch, cpu::Isa::kPortable, cpu::Isa::kPortable, false};
  Random random(static_cast<uint64_t>(rows * 7919 + in * 31 + out));
  const std::vector<float> x = rounded(random.normals(rows * in), Dtype::kBF16);
  const std::vector<float> w = rounded(random.normals(out * in), Dtype::kBF16);
  const std::vector<float> bias = random.normals(out);
  const int64_t stride = out + 3;
  std::vector<float> y = random.normals(rows * stride);
  const std::vector<float> before = y;

  const cpu::PackedMatrix matrix(cpu, MatrixSource(out, in, Dtype::kBF16, w), Dtype::kBF16);
  const Tensor view = {const_cast<float*>(x.data()), Dtype::kF32, rows, in, in};
  const cpu::RoundedRows tiles = cpu::round_tiles(cpu, view, matrix.depth());
  emulated_variants.ran(cpu::Isa::kPortable);
  for (int64_t panel = 0; panel < matrix.panels(); panel++) {
    const int64_t col = panel * cpu::kPanel;
    emulated_portable.bf16({.x = tiles.data,
                            .x_stride = tiles.stride,
                            .panel = matrix.panel(panel),
                            .rows = rows,
                            .k = tiles.k,
                            .y = y.data() + col,
                            .y_stride = stride,
                            .cols = static_cast<int>(std::min<int64_t>(cpu::kPanel, out - col)),
                            .bias = with_bias ? bias.data() + col : nullptr,
                            .accumulate = add});
  }
  EXPECT_EQ(std::string(tile_state.misuse), "");
  EXPECT_EQ(tile_state.rows[0], 0);  // released

  std::vector<float> actual;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < stride; c++) {
      if (c < out)
        actual.push_back(y[r * stride + c]);
      else
        EXPECT_EQ(y[r * stride + c], before[r * stride + c]);
    }
  }
  const Expected wanted = expected(Dtype::kF32, [&]<class T>() {
    std::vector<T> product;
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t n = 0; n < out; n++) {
        T sum = (add ? T(before[r * stride + n]) : T(0)) + (with_bias ? T(bias[n]) : T(0));
        for (int64_t k = 0; k < in; k++) sum += T(x[r * in + k]) * T(w[n * in + k]);
        product.push_back(sum);
      }
    }
    return product;
  });
  EXPECT_CLOSE(actual, wanted.values, wanted.tolerance);
}

TEST(linear_tiles_hostile_sizes) {
  int turn = 0;
  for (const int64_t rows : {1, 16, 31, 32, 33, 65})
    for (const int64_t in : {1, 31, 32, 33, 64, 65})
      for (const int64_t out : {1, 31, 32, 33, 63, 64, 65}) {
        check_tiles(rows, in, out, turn % 2 == 0, turn % 3 == 0);
        turn++;
      }
}

TEST(linear_tiles_blocks_of_k) {
  for (const int64_t in : {255, 256, 257, 512, 545, 1057}) check_tiles(34, in, 70, true, true);
}

// Four products for each 32 x 32 x 32 of the padded sizes: nothing is computed twice.
TEST(linear_tiles_do_no_extra_work) {
  check_tiles(33, 65, 96, false, false);
  EXPECT_EQ(tile_state.products, int64_t{4 * 2 * 3 * 3});
}

}  // namespace
}  // namespace honeybee::testing
