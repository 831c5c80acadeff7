#pragma once
#include <cstdint>
#include <vector>

#include "core/dtype.h"

namespace honeybee {

struct CodeRows;

/// How a quantized matrix is cut into groups (core/quantize.h).
struct CodeLayout {
  Dtype format = Dtype::kInt8;
  int64_t group = 0;                ///< columns of one scale; all of them but for int4
  std::vector<int32_t> order = {};  ///< place i of a row of codes is column order[i]; empty: i

  bool operator==(const CodeLayout&) const = default;
};

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

  /// Set where the matrix is stored as codes, which a backend that has the format can keep as they are;
  /// `read` gives their values.
  virtual const CodeLayout* codes() const { return nullptr; }
  /// The codes of rows [begin, begin + count) in that layout.
  virtual void read_codes(int64_t begin, int64_t count, const CodeRows& target) const;

 private:
  int64_t rows_;
  int64_t cols_;
  Dtype dtype_;
};

}  // namespace honeybee
