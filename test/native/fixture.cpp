#include "fixture.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace honeybee::testing {
namespace {

// A signalling NaN as f32 and bf16: arithmetic on it gives other bits, so that a value computed from
// sentinels and stored over a sentinel shows.
constexpr uint8_t kSentinel[] = {0x81, 0xff};
// Bytes before and after a tensor; a multiple of every vector width, so that tensors start aligned.
constexpr int64_t kGuard = 256;

Tensor as_bytes(const Memory& memory) {
  const auto bytes = static_cast<int64_t>(memory.bytes());
  return {memory.data(), Dtype::kU8, 1, bytes, bytes};
}

std::vector<uint8_t> to_dtype(const std::vector<float>& values, Dtype dtype) {
  std::vector<uint8_t> bytes(values.size() * dtype_size(dtype));
  if (!values.empty()) convert_from_float(dtype, values.data(), bytes.data(), values.size());
  return bytes;
}

}  // namespace

uint64_t Random::bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float Random::uniform(float low, float high) {
  return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
}

float Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log((static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53));
  return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * uniform(0.0f, 1.0f)));
}

std::vector<float> Random::normals(int64_t count, float scale, float mean) {
  std::vector<float> values(count);
  for (float& value : values) value = mean + scale * normal();
  return values;
}

std::vector<float> Random::uniforms(int64_t count, float low, float high) {
  std::vector<float> values(count);
  for (float& value : values) value = uniform(low, high);
  return values;
}

uint64_t& Random::global_seed() {
  static uint64_t seed = 0;
  return seed;
}

std::vector<Dtype> activation_dtypes(const Backend& backend) {
  std::vector<Dtype> dtypes;
  for (const Dtype weights : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
    const Dtype dtype = backend.activation_dtype(weights);
    if (std::find(dtypes.begin(), dtypes.end(), dtype) == dtypes.end()) dtypes.push_back(dtype);
  }
  return dtypes;
}

std::vector<float> rounded(std::vector<float> values, Dtype dtype) {
  const std::vector<uint8_t> bytes = to_dtype(values, dtype);
  if (!values.empty()) convert_to_float(dtype, bytes.data(), values.data(), values.size());
  return values;
}

Fixture::Buffer& Fixture::add(Dtype dtype, int64_t rows, int64_t cols, int64_t gap, bool writable) {
  const auto size = static_cast<int64_t>(dtype_size(dtype));
  const int64_t stride = cols + gap;
  Buffer buffer;
  buffer.memory = backend_.allocate(static_cast<size_t>(2 * kGuard + rows * stride * size));
  buffer.tensor = {static_cast<char*>(buffer.memory->data()) + kGuard, dtype, rows, cols, stride};
  buffer.image.resize(buffer.memory->bytes());
  for (size_t i = 0; i < buffer.image.size(); i++) buffer.image[i] = kSentinel[i % 2];
  buffer.writable = writable;
  buffer.reported = false;
  buffers_.push_back(std::move(buffer));
  return buffers_.back();
}

Tensor Fixture::fill(Buffer& buffer, const void* values) {
  const Tensor& t = buffer.tensor;
  const int64_t size = static_cast<int64_t>(dtype_size(t.dtype));
  for (int64_t r = 0; r < t.rows && values != nullptr; r++) {
    std::memcpy(buffer.image.data() + kGuard + r * t.stride * size,
                static_cast<const char*>(values) + r * t.cols * size, static_cast<size_t>(t.cols * size));
  }
  backend_.upload(buffer.image.data(), as_bytes(*buffer.memory));
  return t;
}

Tensor Fixture::input(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values,
                      int64_t gap) {
  return fill(add(dtype, rows, cols, gap, false), to_dtype(values, dtype).data());
}

Tensor Fixture::input_bytes(int64_t rows, int64_t cols, const std::vector<uint8_t>& values, int64_t gap) {
  return fill(add(Dtype::kU8, rows, cols, gap, false), values.data());
}

Tensor Fixture::indices(const std::vector<int32_t>& values) {
  return fill(add(Dtype::kI32, static_cast<int64_t>(values.size()), 1, 0, false), values.data());
}

Tensor Fixture::parameter(const std::vector<float>& values, int64_t rows) {
  return input(Dtype::kF32, rows, static_cast<int64_t>(values.size()) / rows, values);
}

Tensor Fixture::output(Dtype dtype, int64_t rows, int64_t cols, int64_t gap) {
  return fill(add(dtype, rows, cols, gap, true), nullptr);
}

Tensor Fixture::in_place(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values,
                         int64_t gap) {
  return fill(add(dtype, rows, cols, gap, true), to_dtype(values, dtype).data());
}

std::vector<float> Fixture::values(const Tensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.size()));
  std::vector<uint8_t> bytes(values.size() * dtype_size(tensor.dtype));
  if (values.empty()) return values;
  backend_.download(tensor, bytes.data());
  convert_to_float(tensor.dtype, bytes.data(), values.data(), values.size());
  return values;
}

void Fixture::check() {
  for (size_t b = 0; b < buffers_.size(); b++) {
    Buffer& buffer = buffers_[b];
    if (buffer.reported) continue;
    std::vector<uint8_t> now(buffer.image.size());
    backend_.download(as_bytes(*buffer.memory), now.data());
    const Tensor& t = buffer.tensor;
    const auto size = static_cast<int64_t>(dtype_size(t.dtype));
    const int64_t row_bytes = t.stride * size;
    for (int64_t i = 0; i < static_cast<int64_t>(now.size()); i++) {
      if (now[i] == buffer.image[i]) continue;
      const int64_t at = i - kGuard;
      const bool inside = at >= 0 && at < t.rows * row_bytes && at % row_bytes < t.cols * size;
      if (inside && buffer.writable) continue;
      std::ostringstream message;
      message << (inside ? "an input" : "memory outside a tensor") << " was changed: buffer " << b << ", "
              << t.describe() << " with stride " << t.stride << ", byte " << at;
      record_failure(__FILE__, __LINE__, message.str());
      buffer.reported = true;
      break;
    }
  }
}

}  // namespace honeybee::testing
