#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace honeybee {

/// A stored matrix that is read in slices of rows, so that no second copy of the weights ever exists: a range
/// of a file, rows of several files one after another, a base weight with its LoRA update, or seeded random
/// numbers.
class RowSource {
 public:
  RowSource(int64_t rows, int64_t cols, Dtype dtype) : rows_(rows), cols_(cols), dtype_(dtype) {}
  virtual ~RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  /// What `read` delivers: f32, bf16 or f16.
  Dtype dtype() const { return dtype_; }

  /// Writes rows [begin, begin + count) without gaps to `target`. May be called from several threads at once.
  /// Throws Error(kCheckpoint) when the bytes are not there.
  virtual void read(int64_t begin, int64_t count, void* target) const = 0;

 private:
  int64_t rows_;
  int64_t cols_;
  Dtype dtype_;
};

}  // namespace honeybee
