#pragma once
#include <deque>
#include <memory>
#include <vector>

#include "testing.h"

namespace honeybee::testing {

/// Seeded random numbers that are the same on every machine (splitmix64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed + global_seed()) {}

  uint64_t bits();
  /// In [low, high).
  float uniform(float low, float high);
  float normal();
  /// In [0, count).
  int64_t below(int64_t count) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(count)); }

  std::vector<float> normals(int64_t count, float scale = 1.0f, float mean = 0.0f);
  std::vector<float> uniforms(int64_t count, float low, float high);

  /// Set by `--seed`; added to every seed of the tests.
  static uint64_t& global_seed();

 private:
  uint64_t state_;
};

/// The dtypes that activations have on this backend: f32 on the CPU, three of them on a GPU.
std::vector<Dtype> activation_dtypes(const Backend& backend);

/// `values` rounded to the dtype.
std::vector<float> rounded(std::vector<float> values, Dtype dtype);

/// Tensors on a backend inside buffers whose other bytes are all sentinels: before, after, and between the
/// columns of one row and the next row. A sentinel reads as NaN in each floating dtype, so a kernel that
/// uses a neighbouring value shows in its result, and one that writes outside its view is found by `check`,
/// as is a changed input. The destructor checks too.
class Fixture {
 public:
  explicit Fixture(Backend& backend) : backend_(backend) {}
  ~Fixture() { check(); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  /// Holds `values`, which no operation may change. Rows lie `gap` elements apart.
  Tensor input(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values, int64_t gap = 0);
  Tensor input_bytes(int64_t rows, int64_t cols, const std::vector<uint8_t>& values, int64_t gap = 0);
  /// i32 [n, 1], which no operation may change.
  Tensor indices(const std::vector<int32_t>& values);
  /// A contiguous f32 parameter [1, n], or [rows, n / rows].
  Tensor parameter(const std::vector<float>& values, int64_t rows = 1);
  /// To be written; filled with the sentinel.
  Tensor output(Dtype dtype, int64_t rows, int64_t cols, int64_t gap = 0);
  /// Holds `values` and may be changed.
  Tensor in_place(Dtype dtype, int64_t rows, int64_t cols, const std::vector<float>& values, int64_t gap = 0);

  /// The values of a tensor made here (or of a view into one), in row order.
  std::vector<float> values(const Tensor& tensor);
  /// Records a failure for each buffer with a touched sentinel or a changed input.
  void check();

 private:
  struct Buffer {
    std::unique_ptr<Memory> memory;
    Tensor tensor;
    std::vector<uint8_t> image;  ///< the bytes as they were after filling
    bool writable;
    bool reported;
  };
  Buffer& add(Dtype dtype, int64_t rows, int64_t cols, int64_t gap, bool writable);
  Tensor fill(Buffer& buffer, const void* values);

  Backend& backend_;
  std::deque<Buffer> buffers_;
};

}  // namespace honeybee::testing
