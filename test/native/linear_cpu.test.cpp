// Promises of the CPU's products that other devices do not make.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "cpu/convert.h"
#include "cpu/cpu_backend.h"
#include "cpu/linear_race.h"
#include "cpu/memory.h"
#include "fixture.h"
#include "matrix_source.h"
#include "testing.h"

namespace honeybee::testing {
namespace {

std::vector<cpu::Isa> supported_isas() {
  std::vector<cpu::Isa> list;
  for (int i = 0; i < cpu::kIsaCount; i++)
    if (cpu::isa_supported(static_cast<cpu::Isa>(i))) list.push_back(static_cast<cpu::Isa>(i));
  return list;
}

// Multiplies all rows at once, then in groups of every size with other numbers of threads: the same bits.
void check_invariance(const CpuOptions& options, Dtype weights) {
  const int64_t rows = 23;
  const int64_t in = 1111;  // two blocks of k, odd
  const int64_t out = 150;
  Random random(3);
  const std::vector<float> x = random.normals(rows * in);
  const std::vector<float> start = random.normals(rows * out);
  const std::vector<float> bias = random.normals(out);
  const Dtype stored = is_quantized(weights) ? Dtype::kF32 : weights;
  const MatrixSource source(out, in, stored, random.normals(out * in));

  std::vector<float> all;
  for (const int threads : {1, 2, 3}) {
    CpuOptions with_threads = options;
    with_threads.threads = threads;
    const auto backend = make_cpu_backend(with_threads);
    const auto matrix = backend->load_matrix(source, weights);
    Fixture fixture(*backend);
    const Tensor tx = fixture.input(Dtype::kF32, rows, in, x, threads);
    const Tensor tb = fixture.parameter(bias);
    for (int64_t group = rows; group > 0; group = group > 9 ? group - 6 : group - 1) {
      const Tensor ty = fixture.in_place(Dtype::kF32, rows, out, start, threads);
      for (int64_t r = 0; r < rows; r += group) {
        const int64_t count = std::min(group, rows - r);
        backend->linear_add(tx.row_range(r, count), *matrix, &tb, ty.row_range(r, count));
      }
      if (all.empty()) all = fixture.values(ty);
      EXPECT_SAME_BITS(fixture.values(ty), all);
    }
  }
}

TEST(linear_rows_are_invariant) {
  for (const cpu::Isa isa : supported_isas()) {
    check_invariance({.isa = isa}, Dtype::kF32);
    check_invariance({.isa = isa}, Dtype::kF16);
    check_invariance({.batch_invariant = true, .isa = isa}, Dtype::kBF16);
    check_invariance({.isa = isa}, Dtype::kInt8);
    check_invariance({.isa = isa}, Dtype::kInt4);
    check_invariance({.batch_invariant = true, .isa = isa}, Dtype::kFp8);
  }
}

TEST(linear_bf16_race_picks_a_supported_set) {
  const cpu::Isa isa = cpu::fastest_bf16_isa();
  EXPECT_TRUE(cpu::isa_supported(isa));
  EXPECT_TRUE(cpu::best_isa() <= cpu::Isa::kAvx512 ? isa == cpu::best_isa() : isa >= cpu::Isa::kAvx512);
  EXPECT_TRUE(isa == cpu::fastest_bf16_isa());
}

TEST(linear_rejects_a_table) {
  const auto backend = make_cpu_backend({.threads = 1});
  const auto table =
      backend->load_table(MatrixSource(4, 4, Dtype::kF32, std::vector<float>(16)), Dtype::kF32);
  Fixture fixture(*backend);
  const Tensor x = fixture.input(Dtype::kF32, 1, 4, std::vector<float>(4));
  const Tensor y = fixture.output(Dtype::kF32, 1, 4);
  EXPECT_ERROR(backend->linear(x, *table, nullptr, y), ErrorCode::kOption, "expected one of load_matrix");
}

// The environment variable as it was, again, at the end of a test.
class Environment {
 public:
  explicit Environment(const char* name) : name_(name) {
    if (const char* value = std::getenv(name)) saved_ = value;
  }
  ~Environment() {
    if (saved_)
      setenv(name_, saved_->c_str(), 1);
    else
      unsetenv(name_);
  }

 private:
  const char* name_;
  std::optional<std::string> saved_;
};

TEST(isa_forced_by_the_environment) {
  const Environment saved("HONEYBEE_ISA");
  for (const cpu::Isa isa : supported_isas()) {
    setenv("HONEYBEE_ISA", cpu::isa_name(isa), 1);
    cpu::Isa forced;
    EXPECT_TRUE(cpu::forced_isa(forced) && forced == isa);
    const std::string text = make_cpu_backend({.threads = 1})->description();
    EXPECT_TRUE(text.find(std::string(", ") + cpu::isa_name(isa) + ", 1 thread") != std::string::npos);
  }
  setenv("HONEYBEE_ISA", "sse9", 1);
  EXPECT_ERROR(make_cpu_backend(), ErrorCode::kOption, "HONEYBEE_ISA=sse9");
  EXPECT_ERROR(make_cpu_backend(), ErrorCode::kOption, "portable");
  for (int i = 0; i < cpu::kIsaCount; i++) {
    const auto isa = static_cast<cpu::Isa>(i);
    if (cpu::isa_supported(isa)) continue;
    setenv("HONEYBEE_ISA", cpu::isa_name(isa), 1);
    EXPECT_ERROR(make_cpu_backend(), ErrorCode::kOption, cpu::isa_name(isa));
    EXPECT_ERROR(make_cpu_backend({.isa = isa}), ErrorCode::kOption, "cannot run");
  }
  unsetenv("HONEYBEE_ISA");
  cpu::Isa forced;
  EXPECT_TRUE(!cpu::forced_isa(forced));
}

TEST(memory_is_zeroed_and_aligned) {
  for (const size_t bytes : {size_t{1}, size_t{100}, size_t{4096}, (size_t{2} << 20) + 1, size_t{5} << 20}) {
    for (int round = 0; round < 3; round++) {
      const cpu::HostMemory memory(bytes);
      EXPECT_EQ(memory.bytes(), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % (bytes < size_t{2} << 20 ? 64 : 2 << 20),
                uintptr_t{0});
      auto* const values = static_cast<unsigned char*>(memory.data());
      bool zero = true;
      for (size_t i = 0; i < bytes; i++) zero = zero && values[i] == 0;
      EXPECT_TRUE(zero);
      std::memset(values, 0xff, bytes);
    }
  }
  EXPECT_TRUE(cpu::HostMemory(0).data() == nullptr);
}

TEST(memory_refuses_more_than_there_is) {
  const auto backend = make_cpu_backend({.threads = 1});
  for (const int bit : {45, 60, 63})
    EXPECT_ERROR(backend->allocate(size_t{1} << bit), ErrorCode::kOutOfMemory,
                 std::to_string(size_t{1} << bit).c_str());
  const size_t too_much = backend->free_memory() / 8 * 9;
  EXPECT_ERROR(backend->allocate(too_much), ErrorCode::kOutOfMemory, "MiB are available");
}

// Every half, and floats around every rounding step, against the scalar conversions of core/dtype.h.
TEST(convert_equals_the_scalar_definition) {
  std::vector<uint16_t> halves(65536);
  std::vector<float> floats;
  for (uint32_t i = 0; i < 65536; i++) {
    halves[i] = static_cast<uint16_t>(i);
    for (const uint32_t low : {0x0000u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const uint32_t bits = (i << 16) | low;
      float value;
      std::memcpy(&value, &bits, 4);
      floats.push_back(value);
    }
  }
  const auto count = static_cast<int64_t>(floats.size());
  for (const cpu::Isa isa : supported_isas()) {
    for (const Dtype dtype : {Dtype::kBF16, Dtype::kF16}) {
      std::vector<float> wide(65536);
      std::vector<float> wide_expected(65536);
      cpu::convert(isa, dtype, halves.data(), Dtype::kF32, wide.data(), 65536);
      convert_to_float(dtype, halves.data(), wide_expected.data(), 65536);
      std::vector<uint16_t> narrow(floats.size());
      std::vector<uint16_t> narrow_expected(floats.size());
      cpu::convert(isa, Dtype::kF32, floats.data(), dtype, narrow.data(), count);
      convert_from_float(dtype, floats.data(), narrow_expected.data(), floats.size());
      int wrong = 0;
      for (size_t i = 0; i < 65536; i++)
        wrong += wide[i] != wide_expected[i] && !(std::isnan(wide[i]) && std::isnan(wide_expected[i]));
      for (size_t i = 0; i < floats.size(); i++) {
        const bool nan = dtype == Dtype::kBF16 ? std::isnan(float_from_bf16(narrow[i]))
                                               : std::isnan(float_from_f16(narrow[i]));
        wrong += std::isnan(floats[i]) ? !nan : narrow[i] != narrow_expected[i];
      }
      EXPECT_EQ(wrong, 0);
    }
    // Lengths that end in the middle of a vector touch nothing behind them.
    for (int64_t n = 0; n <= 33; n++) {
      std::vector<uint16_t> target(40, 0xabcd);
      cpu::convert(isa, Dtype::kF32, floats.data() + 4096, Dtype::kF16, target.data(), n);
      for (size_t i = static_cast<size_t>(n); i < target.size(); i++) EXPECT_EQ(target[i], 0xabcd);
    }
  }
  EXPECT_ERROR(cpu::convert(cpu::Isa::kPortable, Dtype::kU8, halves.data(), Dtype::kF32, floats.data(), 1),
               ErrorCode::kOption, "cannot convert u8 to f32");
}

}  // namespace
}  // namespace honeybee::testing
