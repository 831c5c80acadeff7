#include "engine/rates.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <vector>

#include "model/run.h"

namespace honeybee {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kMostCalls = 1 << 20;

// One row of ordinary numbers of about this size. Zeros would not do: untouched pages share one physical
// page, and a GPU that multiplies zeros clocks higher than any model lets it.
std::vector<char> number_row(int64_t cols, Dtype dtype, float size) {
  std::vector<float> values(static_cast<size_t>(cols));
  for (size_t i = 0; i < values.size(); i++)
    values[i] = (static_cast<float>(i * 37 % 101) / 50.0f - 1.0f) * size;
  std::vector<char> row(values.size() * dtype_size(dtype));
  convert_from_float(dtype, values.data(), row.data(), values.size());
  return row;
}

struct Matrix {
  std::unique_ptr<Memory> memory;
  Tensor tensor;
};

Matrix make_matrix(Backend& backend, int64_t rows, int64_t cols, Dtype dtype) {
  Matrix matrix;
  matrix.memory = backend.allocate(static_cast<size_t>(rows * cols) * dtype_size(dtype));
  matrix.tensor = {matrix.memory->data(), dtype, rows, cols, cols};
  const std::vector<char> row = number_row(cols, dtype, 1.0f);
  for (int64_t r = 0; r < rows; r++) backend.upload(row.data(), matrix.tensor.row_range(r, 1));
  return matrix;
}

// A square weight whose rows are all alike.
class WeightRows final : public RowSource {
 public:
  WeightRows(int64_t width, Dtype dtype)
      : RowSource(width, width, dtype), row_(number_row(width, dtype, 0.05f)) {}
  void read(int64_t /*begin*/, int64_t count, void* target) const override {
    char* out = static_cast<char*>(target);
    for (int64_t r = 0; r < count; r++, out += row_.size()) std::memcpy(out, row_.data(), row_.size());
  }

 private:
  std::vector<char> row_;
};

// Calls of `operation` a second. A sample ends when a row of `result` has reached the host, which waits for
// devices that compute while the caller goes on.
template <class Operation>
double calls_per_second(Backend& backend, const Tensor& result, const RateOptions& options,
                        const Operation& operation) {
  std::vector<char> row(static_cast<size_t>(result.cols) * dtype_size(result.dtype));
  const auto seconds = [&](int64_t calls) {
    if (options.interrupt != nullptr && options.interrupt->load()) throw Interrupted{};
    const Clock::time_point begin = Clock::now();
    for (int64_t i = 0; i < calls; i++) operation();
    backend.download(result.row_range(0, 1), row.data());
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  seconds(1);  // touches the pages, wakes the threads
  int64_t calls = 1;
  while (seconds(calls) < options.sample_seconds && calls < kMostCalls) calls *= 2;
  // A roof is what can be reached: other work on the machine only makes samples slower.
  double fastest = seconds(calls);
  for (int i = 1; i < options.samples; i++) fastest = std::min(fastest, seconds(calls));
  return static_cast<double>(calls) / fastest;
}

double measure_copy(Backend& backend, Dtype activation, const RateOptions& options) {
  const size_t row_bytes = static_cast<size_t>(options.width) * dtype_size(activation);
  const auto rows = static_cast<int64_t>((options.stream_bytes / 2 + row_bytes - 1) / row_bytes);
  const Matrix from = make_matrix(backend, rows, options.width, activation);
  const Matrix to = make_matrix(backend, rows, options.width, activation);
  const double calls =
      calls_per_second(backend, to.tensor, options, [&] { backend.copy(from.tensor, to.tensor); });
  return calls * 2.0 * static_cast<double>(rows) * static_cast<double>(row_bytes);
}

}  // namespace

DeviceRates measure_rates(Backend& backend, Dtype weights, const RateOptions& options) {
  require(options.width > 0 && options.rows > 0 && options.samples > 0, ErrorCode::kOption,
          "rates need a width, rows and samples of at least 1, not ", options.width, ", ", options.rows,
          " and ", options.samples);
  const Dtype activation = backend.activation_dtype(weights);
  DeviceRates rates;
  rates.copy = measure_copy(backend, activation, options);

  const double values = static_cast<double>(options.width) * static_cast<double>(options.width);
  const WeightRows source(options.width, is_quantized(weights) ? Dtype::kBF16 : weights);
  std::vector<std::unique_ptr<Weight>> stack;
  size_t stack_bytes = 0;
  do {
    stack.push_back(backend.load_matrix(source, weights));
    stack_bytes += stack.back()->bytes();
  } while (stack_bytes < options.stream_bytes);
  const Matrix x = make_matrix(backend, options.rows, options.width, activation);
  const Matrix y = make_matrix(backend, options.rows, options.width, activation);

  const Tensor one = x.tensor.row_range(0, 1);
  const Tensor result = y.tensor.row_range(0, 1);
  rates.read = static_cast<double>(stack_bytes) * calls_per_second(backend, result, options, [&] {
                 for (const auto& weight : stack) backend.linear(one, *weight, nullptr, result);
               });
  rates.product = 2.0 * values * static_cast<double>(options.rows) *
                  calls_per_second(backend, y.tensor, options,
                                   [&] { backend.linear(x.tensor, *stack.front(), nullptr, y.tensor); });
  return rates;
}

}  // namespace honeybee
