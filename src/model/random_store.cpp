#include "model/random_store.h"

#include <cmath>

namespace honeybee {
namespace {

// splitmix64: one well mixed word per counter value, so any row can be made without the ones before it.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t name_hash(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

class UniformSource final : public RowSource {
 public:
  UniformSource(int64_t rows, int64_t cols, uint64_t key) : RowSource(rows, cols, Dtype::kBF16), key_(key) {}

  void read(int64_t begin, int64_t count, void* target) const override {
    constexpr float kScale =
        0.02f * 1.7320508f / 32768.0f;  // of a signed 16-bit number, to standard deviation 0.02
    uint16_t* out = static_cast<uint16_t*>(target);
    const auto first = static_cast<uint64_t>(begin * cols());
    const auto last = static_cast<uint64_t>((begin + count) * cols());
    for (uint64_t i = first; i < last;) {
      uint64_t word = mix(key_ + i / 4) >> (16 * (i % 4));
      for (const uint64_t end = std::min(last, (i / 4 + 1) * 4); i < end; i++, word >>= 16) {
        *out++ = bf16_from_float(static_cast<float>(static_cast<int16_t>(word & 0xffff)) * kScale);
      }
    }
  }

 private:
  uint64_t key_;
};

class ConstantSource final : public RowSource {
 public:
  ConstantSource(int64_t rows, int64_t cols, float value)
      : RowSource(rows, cols, Dtype::kBF16), value_(value) {}
  void read(int64_t /*begin*/, int64_t count, void* target) const override {
    std::fill_n(static_cast<uint16_t*>(target), count * cols(), bf16_from_float(value_));
  }

 private:
  float value_;
};

/// The centres of a square grid of cells over the unit square, x first (specification of the D-Abstractor).
class ReferencePoints final : public RowSource {
 public:
  ReferencePoints(int64_t rows, int64_t points)
      : RowSource(rows, points * 2 / rows, Dtype::kF32), points_(points) {}
  void read(int64_t begin, int64_t count, void* target) const override {
    const auto side = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(points_))));
    float* out = static_cast<float*>(target);
    for (int64_t i = begin * cols(); i < (begin + count) * cols(); i++) {
      const int64_t point = i / 2;
      const int64_t index = i % 2 == 0 ? point % side : point / side;
      *out++ = (static_cast<float>(index) + 0.5f) / static_cast<float>(side);
    }
  }

 private:
  int64_t points_;
};

bool ends_with(const std::string& text, const char* ending) { return text.ends_with(ending); }

}  // namespace

std::unique_ptr<RowSource> RandomStore::open(const std::string& name, const TensorShape& shape) {
  int64_t count = 1;
  for (const int64_t side : shape) count *= side;
  const int64_t rows = shape.size() > 1 ? shape.front() : 1;
  const int64_t cols = count / rows;
  if (ends_with(name, "reference_points")) return std::make_unique<ReferencePoints>(rows, count / 2);
  if (ends_with(name, ".bias")) return std::make_unique<ConstantSource>(rows, cols, 0.0f);
  if (shape.size() == 1 && ends_with(name, ".weight"))
    return std::make_unique<ConstantSource>(rows, cols, 1.0f);
  return std::make_unique<UniformSource>(rows, cols, mix(seed_ ^ name_hash(name)));
}

}  // namespace honeybee
