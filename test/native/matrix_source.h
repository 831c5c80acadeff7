#pragma once
#include <atomic>
#include <cstring>
#include <vector>

#include "core/row_source.h"

namespace honeybee::testing {

/// A stored matrix in memory, rounded to the dtype it is stored in. Counts the rows that were read.
class MatrixSource final : public RowSource {
 public:
  MatrixSource(int64_t rows, int64_t cols, Dtype dtype, const std::vector<float>& values)
      : RowSource(rows, cols, dtype), bytes_(values.size() * dtype_size(dtype)) {
    convert_from_float(dtype, values.data(), bytes_.data(), values.size());
  }

  void read(int64_t begin, int64_t count, void* target) const override {
    const size_t row = static_cast<size_t>(cols()) * dtype_size(dtype());
    std::memcpy(target, bytes_.data() + static_cast<size_t>(begin) * row, static_cast<size_t>(count) * row);
    rows_read_ += count;
  }

  int64_t rows_read() const { return rows_read_; }

 private:
  std::vector<unsigned char> bytes_;
  mutable std::atomic<int64_t> rows_read_{0};
};

}  // namespace honeybee::testing
