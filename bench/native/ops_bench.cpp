// Times the operations beside the matrix products on the CPU at the sizes of real models:
//   honeybee-ops-bench [threads] [FILTER]
// Prints the median of many runs with the memory traffic or the arithmetic that the operation cannot avoid.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "cpu/cpu_backend.h"

namespace {

using namespace honeybee;

// A tensor of small numbers that owns its memory.
struct Matrix {
  Matrix(Backend& backend, int64_t rows, int64_t cols)
      : memory(backend.allocate(static_cast<size_t>(rows * cols) * sizeof(float))),
        tensor{memory->data(), Dtype::kF32, rows, cols, cols} {
    for (int64_t i = 0; i < rows * cols; i++) {
      tensor.row<float>(0)[i] = static_cast<float>((i * 7919) % 2017 - 1008) / 500.0f;
    }
  }
  operator const Tensor&() const { return tensor; }

  std::unique_ptr<Memory> memory;
  Tensor tensor;
};

class Bench {
 public:
  Bench(int threads, std::string filter)
      : backend_(make_cpu_backend({.threads = threads, .isa = std::nullopt})), filter_(filter) {
    std::printf("%s\n%-44s %10s %10s\n", backend_->description().c_str(), "operation", "ms", "rate");
  }

  Backend& backend() { return *backend_; }

  /// `amount` of work in units of 1e9 (bytes or operations), per run.
  void time(const std::string& name, double amount, const char* unit, const std::function<void()>& body) {
    if (name.find(filter_) == std::string::npos) return;
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    double total = 0.0;
    body();
    while (times.size() < 15 || (total < 0.2 && times.size() < 2000)) {
      const auto begin = Clock::now();
      body();
      times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      total += times.back();
    }
    std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
    const double median = times[times.size() / 2];
    std::printf("%-44s %10.4f %7.1f %s\n", name.c_str(), median * 1e3, amount * 1e-9 / median, unit);
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::string filter_;
};

double bytes(int64_t floats) { return 4.0 * static_cast<double>(floats); }

void time_rows(Bench& bench) {
  Backend& b = bench.backend();
  for (const int64_t rows : {257, 577}) {
    const std::string size = " " + std::to_string(rows) + "x1024";
    const Matrix x(b, rows, 1024), y(b, rows, 1024), weight(b, 1, 1024);
    const Matrix wide(b, rows, 4096);
    const int64_t n = rows * 1024;
    bench.time("layer_norm" + size, bytes(2 * n), "GB/s", [&] { b.layer_norm(x, weight, weight, 1e-5f, y); });
    bench.time("layer_norm_silu" + size, bytes(2 * n), "GB/s",
               [&] { b.layer_norm_silu(x, weight, weight, 1e-5f, y); });
    bench.time("rms_norm" + size, bytes(2 * n), "GB/s", [&] { b.rms_norm(x, weight, 1e-5f, y); });
    bench.time("add" + size, bytes(3 * n), "GB/s", [&] { b.add(x, y); });
    bench.time("add_silu" + size, bytes(3 * n), "GB/s", [&] { b.add_silu(x, x, y); });
    bench.time("quick_gelu" + size + "*4", bytes(8 * n), "GB/s",
               [&] { b.activate(Activation::kQuickGelu, wide); });
    bench.time("gelu" + size + "*4", bytes(8 * n), "GB/s", [&] { b.activate(Activation::kGelu, wide); });
  }
  const Matrix gate_up(b, 256, 2 * 5632), product(b, 256, 5632);
  bench.time("silu_mul 256x5632", bytes(3 * 256 * 5632), "GB/s", [&] { b.silu_mul(gate_up, product); });
}

void time_attention(Bench& bench) {
  Backend& b = bench.backend();
  for (const int64_t rows : {257, 577}) {
    const Matrix qkv(b, rows, 3 * 1024), out(b, rows, 1024);
    for (const Dtype product : {Dtype::kF32, Dtype::kBF16}) {
      const AttentionShape shape{.heads = 16, .scale = 0.125f, .product = product};
      bench.time("attention " + std::to_string(rows) + "x16x64 " + dtype_name(product),
                 4.0 * static_cast<double>(rows * rows * 1024), "GFLOP/s", [&] {
                   b.attention(qkv.tensor.col_range(0, 1024), qkv.tensor.col_range(1024, 1024),
                               qkv.tensor.col_range(2048, 1024), shape, out);
                 });
    }
  }
}

// The attention of TinyLlama-1.1B: 32 heads, 4 kv heads, dimension 64.
void time_paged(Bench& bench) {
  Backend& b = bench.backend();
  constexpr int64_t kPositions = 1024;
  std::vector<int32_t> blocks(kPositions / kKvBlock);
  for (size_t i = 0; i < blocks.size(); i++) blocks[i] = static_cast<int32_t>(i);
  const Matrix table(b, kPositions, 64);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16}) {
    const auto cache = b.make_kv_cache(
        {.layers = 1, .kv_heads = 4, .head_dim = 64, .blocks = kPositions / kKvBlock, .dtype = dtype});
    const auto time_step = [&](const char* name, int32_t first, int32_t rows, double amount,
                               const char* unit) {
      const Matrix q(b, rows, 2048), k(b, rows, 256), out(b, rows, 2048);
      const std::vector<int32_t> row_begin{0, rows}, start{first};
      const auto batch = b.make_batch({1, rows, static_cast<int64_t>(blocks.size())});
      batch->set(row_begin, start, blocks);
      const std::string suffix = std::string(" ") + dtype_name(dtype);
      b.rope_append(q, k, k, table, *batch, 0, *cache);
      bench.time(std::string("paged_attention ") + name + suffix, amount, unit,
                 [&] { b.paged_attention(q, *cache, *batch, 0, 0.125f, out); });
      bench.time(std::string("rope_append ") + name + suffix, bytes(rows * 2 * (2048 + 512)), "GB/s",
                 [&] { b.rope_append(q, k, k, table, *batch, 0, *cache); });
    };
    time_step("prefill 256", 0, 256, 4.0 * 256 * 257 / 2 * 2048, "GFLOP/s");
    time_step("prefill 512 more", 256, 512, 4.0 * 512 * (256 + 256.5) * 2048, "GFLOP/s");
    time_step("decode at 1000", 999, 1, 1000.0 * 512 * static_cast<double>(dtype_size(dtype)), "GB/s");
  }
}

void time_grids(Bench& bench) {
  Backend& b = bench.backend();
  const Matrix x(b, 576, 1024), y(b, 576, 1024), weight(b, 9, 1024), row(b, 1, 1024), pooled(b, 256, 1024);
  const int64_t n = 576 * 1024;
  bench.time("depthwise_conv3x3 24x24x1024", bytes(2 * n), "GB/s",
             [&] { b.depthwise_conv3x3(x, weight, {24, 24}, y); });
  bench.time("mean_rows 576x1024", bytes(n), "GB/s", [&] { b.mean_rows(x, row); });
  bench.time("gate_channels 576x1024", bytes(2 * n), "GB/s", [&] { b.gate_channels(row, x); });
  bench.time("adaptive_avg_pool 24x24 to 16x16 x1024", bytes(n + 256 * 1024), "GB/s",
             [&] { b.adaptive_avg_pool(x, {24, 24}, {16, 16}, pooled); });

  const Matrix offsets(b, 256, 64), logits(b, 256, 32), reference(b, 256, 2);
  for (int64_t i = 0; i < 512; i++) reference.tensor.row<float>(0)[i] = static_cast<float>(i % 97) / 97.0f;
  const Grid level{24, 24};
  bench.time("deformable_sample 256 of 24x24, 8x4x128", bytes(256 * 8 * 4 * 4 * 128), "GB/s",
             [&] { b.deformable_sample(x, offsets, logits, reference, {1, 8, 4, {&level, 1}}, pooled); });

  const Matrix patches(b, 576, 588);
  const auto rgb = b.allocate(336 * 336 * 3);
  const Tensor image{rgb->data(), Dtype::kU8, 1, 336 * 336 * 3, 336 * 336 * 3};
  bench.time("patchify 336", bytes(576 * 588), "GB/s",
             [&] { b.patchify(image, {{0.5f, 0.5f, 0.5f}, {0.3f, 0.3f, 0.3f}}, 336, 14, patches); });
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench(argc > 1 ? std::atoi(argv[1]) : 0, argc > 2 ? argv[2] : "");
  time_rows(bench);
  time_attention(bench);
  time_paged(bench);
  time_grids(bench);
}
