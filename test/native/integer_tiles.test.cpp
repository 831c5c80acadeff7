// The AMX products of int8 and int4 without AMX.
#include "coded_source.h"
#include "cpu/integer_matrix.h"
#include "cpu/variant.h"
#include "eights.h"
#include "emulated_kernels.h"
#include "expected.h"
#include "fixture.h"
#include "linear_reference.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

cpu::VariantSet int8_variants("linear, emulated tiles", "int8", {cpu::Isa::kPortable, cpu::Isa::kAvx512Bf16});
cpu::VariantSet int4_variants("linear, emulated tiles", "int4", {cpu::Isa::kPortable, cpu::Isa::kAvx512Bf16});

// Activations as the kernels read them, in memory that ends where they end.
class QuantizedRows {
 public:
  QuantizedRows(const std::vector<float>& x, const Size& size)
      : units_((size.in + kUnit - 1) / kUnit), words_(static_cast<size_t>(size.rows * stride() / 4)) {
    for (int64_t r = 0; r < size.rows; r++) {
      const cpu::IntegerRow row = rows()[r];
      cpu::integer_kernels(cpu::Isa::kPortable)
          .quantize(x.data() + r * size.in, size.in,
                    const_cast<int8_t*>(reinterpret_cast<const int8_t*>(row.codes)),
                    const_cast<float*>(row.scales), const_cast<int32_t*>(row.minus_sums));
    }
  }

  cpu::IntegerRows rows() const {
    const char* const first = reinterpret_cast<const char*>(words_.data()) + kGap;
    const char* const scales = first + units_ * kUnit;
    return {.first = {.codes = first,
                      .scales = reinterpret_cast<const float*>(scales),
                      .minus_sums = reinterpret_cast<const int32_t*>(scales + units_ * 4)},
            .stride = stride()};
  }

 private:
  static constexpr int64_t kGap = 4;

  int64_t stride() const { return kGap + units_ * (kUnit + 8); }

  int64_t units_;
  std::vector<int32_t> words_;
};

void check_tiles(const EmulatedKernels& kernels, const CodeLayout& layout, const Size& size, int turn) {
  tile_state = {};
  cpu::ThreadPool pool(1);
  cpu::Scratch scratch;
  cpu::Cpu cpu{pool, scratch, cpu::Isa::kPortable, cpu::Isa::kPortable, false};
  Random random(static_cast<uint64_t>(size.rows * 7919 + size.in * 31 + size.out));
  const CodedSource source(size.out, size.in, layout, static_cast<uint64_t>(turn));
  const cpu::IntegerMatrix matrix(cpu, source, layout.format);
  const std::vector<float> bias = turn % 2 == 0 ? random.normals(size.out) : std::vector<float>{};
  const bool add = turn % 3 == 0;
  const int64_t stride = size.out + 3;
  const std::vector<float> before = random.normals(size.rows * stride);

  const auto run = [&](cpu::IntegerKernels::Kernel kernel, const std::vector<float>& x) {
    const QuantizedRows rows(x, size);
    std::vector<float> y = before;
    kernel({.x = rows.rows(),
            .strips = matrix.strip(0),
            .strip_bytes = matrix.strip_bytes(),
            .rows = size.rows,
            .depth = matrix.depth(),
            .group = matrix.group(),
            .y = y.data(),
            .y_stride = stride,
            .cols = size.out,
            .bias = bias.empty() ? nullptr : bias.data(),
            .accumulate = add});
    return y;
  };
  const bool int8 = layout.format == Dtype::kInt8;
  const cpu::IntegerKernels::Kernel tiled = int8 ? kernels.int8 : kernels.int4;
  (int8 ? int8_variants : int4_variants).ran(kernels.isa);

  // To the bit what the instruction set gives without tiles …
  const cpu::IntegerKernels& plain = cpu::integer_kernels(kernels.isa);
  const std::vector<float> normals = random.normals(size.rows * size.in);
  EXPECT_SAME_BITS(run(tiled, normals), run(int8 ? plain.int8 : plain.int4, normals));

  // … and near to what it should be.
  const std::vector<float> x = eights(random, size.rows, size.in);
  const std::vector<float> y = run(tiled, x);
  std::vector<float> actual;
  std::vector<float> start;
  for (int64_t r = 0; r < size.rows; r++) {
    for (int64_t c = 0; c < stride; c++) {
      const auto at = static_cast<size_t>(r * stride + c);
      if (c < size.out) {
        actual.push_back(y[at]);
        start.push_back(add ? before[at] : 0.0f);
      } else {
        EXPECT_EQ(y[at], before[at]);
      }
    }
  }
  const std::vector<float> w = source.values();
  const Expected wanted =
      expected(Dtype::kF32, [&]<class T>() { return product<T>(x, w, bias, start, size); });
  EXPECT_CLOSE(actual, wanted.values, wanted.tolerance);

  EXPECT_EQ(std::string(tile_state.misuse), "");
  EXPECT_EQ(tile_state.rows[0], 0);  // released
}

// With each set of kernels that this machine can run, as int8 and as int4 in groups of 32.
template <class Body>
void for_each_kernel(Body body) {
  for (const EmulatedKernels* const kernels : {&emulated_portable, &emulated_avx512bf16})
    if (cpu::isa_supported(kernels->isa)) body(*kernels);
}

void check_formats(const EmulatedKernels& kernels, const Size& size, int turn) {
  check_tiles(kernels, {.format = Dtype::kInt8, .group = size.in}, size, turn);
  check_tiles(kernels, {.format = Dtype::kInt4, .group = 32}, size, turn);
}

TEST(integer_tiles_every_number_of_rows) {
  for_each_kernel([](const EmulatedKernels& kernels) {
    for (int64_t rows = 1; rows <= 70; rows++)
      check_formats(kernels, {rows, 100, 37}, static_cast<int>(rows));
  });
}

TEST(integer_tiles_hostile_sizes) {
  const int64_t rows[] = {16, 31, 65, 150};
  for_each_kernel([&](const EmulatedKernels& kernels) {
    int turn = 0;
    for (const int64_t in : {1, 31, 32, 33, 64, 65, 255, 256, 257, 545}) {
      for (const int64_t out : {1, 15, 16, 17, 64, 65}) {
        check_formats(kernels, {rows[turn % 4], in, out}, turn);
        turn++;
      }
    }
  });
}

// Groups that do and do not fill the blocks of a strip, and such as end a row in their middle.
TEST(integer_tiles_groups) {
  for_each_kernel([](const EmulatedKernels& kernels) {
    int turn = 0;
    for (const int64_t in : {320, 600}) {
      for (const int64_t group : {64, 96, 128, 320, 640}) {
        check_tiles(kernels, {.format = Dtype::kInt4, .group = group}, {33, in, 70}, turn);
        turn++;
      }
    }
  });
}

// One product for each 16 x 32 x 16 of the padded sizes, and none for the rows that fill no tile.
TEST(integer_tiles_do_no_extra_work) {
  for_each_kernel([](const EmulatedKernels& kernels) {
    for (const Dtype format : {Dtype::kInt8, Dtype::kInt4}) {
      check_tiles(kernels, {.format = format, .group = 96}, {85, 90, 40}, 1);
      EXPECT_EQ(tile_state.products, int64_t{2 * 5 * 3 * 3});  // it multiplies twice
    }
  });
}

}  // namespace
}  // namespace honeybee::testing
