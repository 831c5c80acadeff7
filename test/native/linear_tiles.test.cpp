// The AMX product without AMX: the kernel's body over tile registers that are plain arrays.
#include <cstring>

#include "cpu/linear_pack.h"
#include "cpu/packed_matrix.h"
#include "cpu/variant.h"
#include "expected.h"
#include "fixture.h"
#include "matrix_source.h"
#include "testing.h"

#define HB_ISA emulated
#include "cpu/linear_tiles.h"

namespace honeybee::testing {
namespace {

// What Intel's manual says of TILELOADD, TILESTORED and TDPBF16PS, for tiles of 16 rows × 64 bytes.
struct EmulatedTiles {
  static inline unsigned char tiles[8][16][64];
  static inline int configured = 0;
  static inline uint64_t products = 0;

  static void configure() {
    configured++;
    std::memset(tiles, 0x7f, sizeof tiles);
  }
  static void release() {
    configured--;
    std::memset(tiles, 0x7f, sizeof tiles);
  }
  template <int tile>
  static void load(const void* rows, int64_t stride) {
    for (int r = 0; r < 16; r++) std::memcpy(tiles[tile][r], static_cast<const char*>(rows) + r * stride, 64);
  }
  template <int tile>
  static void store(void* rows, int64_t stride) {
    for (int r = 0; r < 16; r++) std::memcpy(static_cast<char*>(rows) + r * stride, tiles[tile][r], 64);
  }
  template <int sum, int a, int b>
  static void add_product() {
    products++;
    for (int m = 0; m < 16; m++) {
      for (int k = 0; k < 16; k++) {
        for (int n = 0; n < 16; n++) {
          float total;
          std::memcpy(&total, tiles[sum][m] + 4 * n, 4);
          for (int i = 0; i < 2; i++) {
            uint16_t left;
            uint16_t right;
            std::memcpy(&left, tiles[a][m] + 4 * k + 2 * i, 2);
            std::memcpy(&right, tiles[b][k] + 4 * n + 2 * i, 2);
            total += float_from_bf16(left) * float_from_bf16(right);
          }
          std::memcpy(tiles[sum][m] + 4 * n, &total, 4);
        }
      }
    }
  }
};

cpu::VariantSet emulated_variants("linear, emulated tiles", "bf16", {cpu::Isa::kPortable});

void check_tiles(int64_t rows, int64_t in, int64_t out, bool with_bias, bool add) {
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
    cpu::emulated::tile_product<EmulatedTiles>(
        {.x = tiles.data,
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
  EXPECT_EQ(EmulatedTiles::configured, 0);

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
  EmulatedTiles::products = 0;
  check_tiles(33, 65, 96, false, false);
  EXPECT_EQ(EmulatedTiles::products, uint64_t{4 * 2 * 3 * 3});
}

}  // namespace
}  // namespace honeybee::testing
