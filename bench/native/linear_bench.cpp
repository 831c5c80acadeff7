// Speed of the CPU's matrix products at the sizes of ViT-L/14 and of a 1.1B Llama, and of loading a weight.
//
//   linear_bench [--threads N] [--seconds S] [f32|bf16|f16|int8|int4|fp8 ...]
//
// Medians and the best of repeated runs; every run takes another copy of the weight, so that weights come
// from memory as they do in a model. HONEYBEE_ISA forces an instruction set.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.h"

namespace {

using namespace honeybee;

struct Shape {
  const char* what;
  int64_t rows;
  int64_t in;
  int64_t out;
};

constexpr Shape kShapes[] = {
    {"ViT 224 attention out", 257, 1024, 1024},
    {"ViT 224 q, k, v", 257, 1024, 3072},
    {"ViT 224 mlp up", 257, 1024, 4096},
    {"ViT 224 mlp down", 257, 4096, 1024},
    {"ViT 336 attention out", 577, 1024, 1024},
    {"ViT 336 mlp up", 577, 1024, 4096},
    {"ViT 336 mlp down", 577, 4096, 1024},
    {"Llama 1.1B prefill out", 256, 2048, 2048},
    {"Llama 1.1B prefill gate, up", 256, 2048, 11264},
    {"Llama 1.1B prefill down", 256, 5632, 2048},
    {"Llama 1.1B decode out", 1, 2048, 2048},
    {"Llama 1.1B decode gate, up", 1, 2048, 11264},
    {"Llama 1.1B decode down", 1, 5632, 2048},
    {"Llama 1.1B decode head", 1, 2048, 32000},
    {"Llama 1.1B 4 rows", 4, 2048, 11264},
    {"Llama 1.1B 8 rows", 8, 2048, 11264},
};

// Cheap numbers of about the size of weights.
class Numbers final : public RowSource {
 public:
  Numbers(int64_t rows, int64_t cols, Dtype dtype)
      : RowSource(rows, cols, dtype), row_(size_t(cols) * dtype_size(dtype)) {
    std::vector<float> values(static_cast<size_t>(cols));
    for (int64_t i = 0; i < cols; i++) values[i] = static_cast<float>(i * 37 % 101 - 50) * 1e-3f;
    convert_from_float(dtype, values.data(), row_.data(), values.size());
  }
  void read(int64_t, int64_t count, void* target) const override {
    for (int64_t r = 0; r < count; r++)
      std::memcpy(static_cast<char*>(target) + static_cast<size_t>(r) * row_.size(), row_.data(),
                  row_.size());
  }

 private:
  std::vector<char> row_;
};

struct Timing {
  double median;
  double best;
};

template <class F>
Timing measure(double seconds, F run) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> times;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (int i = 0; i < 5 || Clock::now() < end; i++) {
    const auto start = Clock::now();
    run(i);
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.front()};
}

void bench_shape(Backend& backend, const Shape& shape, Dtype dtype, double seconds) {
  constexpr int64_t kWorkingSet = int64_t{256} << 20;  // beyond any cache
  const Dtype stored = is_quantized(dtype) ? Dtype::kBF16 : dtype;
  std::vector<std::unique_ptr<Weight>> weights;
  int64_t weight_bytes = 0;
  for (int64_t loaded = 0; loaded <= kWorkingSet; loaded += weight_bytes) {
    weights.push_back(backend.load_matrix(Numbers(shape.out, shape.in, stored), dtype));
    weight_bytes = static_cast<int64_t>(weights.back()->bytes());
  }
  const auto x_memory = backend.allocate(static_cast<size_t>(shape.rows * shape.in) * 4);
  const auto y_memory = backend.allocate(static_cast<size_t>(shape.rows * shape.out) * 4);
  const Tensor x = {x_memory->data(), Dtype::kF32, shape.rows, shape.in, shape.in};
  const Tensor y = {y_memory->data(), Dtype::kF32, shape.rows, shape.out, shape.out};
  for (int64_t i = 0; i < x.size(); i++) x.row<float>(0)[i] = static_cast<float>(i % 89) * 0.02f - 0.9f;

  const Timing t =
      measure(seconds, [&](int i) { backend.linear(x, *weights[i % weights.size()], nullptr, y); });
  const double operations = 2.0 * static_cast<double>(shape.rows * shape.in * shape.out);
  std::printf(
      "%-4s %-28s %4ld x %5ld -> %5ld  %8.3f ms  %7.1f GFLOP/s (best %6.1f)  %5.1f GB/s (best %5.1f)\n",
      dtype_name(dtype), shape.what, shape.rows, shape.in, shape.out, t.median * 1e3,
      operations / t.median / 1e9, operations / t.best / 1e9,
      static_cast<double>(weight_bytes) / t.median / 1e9, static_cast<double>(weight_bytes) / t.best / 1e9);
  std::fflush(stdout);
}

void bench_load(Backend& backend, Dtype stored, Dtype dtype, double seconds) {
  const Numbers source(11264, 2048, stored);
  const Timing t = measure(seconds, [&](int) { backend.load_matrix(source, dtype); });
  const double bytes =
      static_cast<double>(source.rows() * source.cols()) * static_cast<double>(dtype_size(stored));
  std::printf("load %-4s -> %-4s  %6.2f GB/s of stored bytes (best %.2f)\n", dtype_name(stored),
              dtype_name(dtype), bytes / t.median / 1e9, bytes / t.best / 1e9);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr Dtype kDtypes[] = {Dtype::kBF16, Dtype::kF32,  Dtype::kF16,
                               Dtype::kInt8, Dtype::kInt4, Dtype::kFp8};
  int threads = 0;
  double seconds = 0.5;
  std::vector<Dtype> chosen;
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const auto* const dtype = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                           [&](Dtype d) { return argument == dtype_name(d); });
    if (dtype != std::end(kDtypes)) {
      chosen.push_back(*dtype);
    } else if (argument == "--threads" && i + 1 < argc) {
      threads = std::atoi(argv[++i]);
    } else if (argument == "--seconds" && i + 1 < argc) {
      seconds = std::atof(argv[++i]);
    } else {
      std::fprintf(stderr,
                   "usage: linear_bench [--threads N] [--seconds S] [f32|bf16|f16|int8|int4|fp8 ...]\n");
      return 2;
    }
  }
  if (chosen.empty()) chosen.assign(std::begin(kDtypes), std::end(kDtypes));
  try {
    const auto backend = make_cpu_backend({.threads = threads});
    std::printf("%s\n", backend->description().c_str());
    for (const Dtype dtype : chosen)
      for (const Shape& shape : kShapes) bench_shape(*backend, shape, dtype, seconds);
    for (const Dtype stored : {Dtype::kBF16, Dtype::kF32, Dtype::kF16})
      for (const Dtype dtype : chosen) bench_load(*backend, stored, dtype, seconds);
  } catch (const Error& error) {
    std::fprintf(stderr, "linear_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
