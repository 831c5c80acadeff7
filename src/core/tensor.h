#pragma once
#include <cstdint>
#include <string>

#include "core/dtype.h"

namespace honeybee {

/// A view of a row-major matrix in a backend's memory; it owns nothing. Every activation of this network is
/// one: features travel channel-last as [tokens, channels], a batch of images or sequences is stacked in
/// rows.
struct Tensor {
  void* data = nullptr;
  Dtype dtype = Dtype::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;  ///< elements from one row to the next, >= cols

  int64_t size() const { return rows * cols; }
  bool contiguous() const { return stride == cols || rows <= 1; }
  size_t row_bytes() const { return static_cast<size_t>(cols) * dtype_size(dtype); }

  template <class T>
  T* row(int64_t r) const {
    return static_cast<T*>(data) + r * stride;
  }

  /// Rows [begin, begin + count).
  Tensor row_range(int64_t begin, int64_t count) const {
    return {static_cast<char*>(data) + begin * stride * static_cast<int64_t>(dtype_size(dtype)), dtype, count,
            cols, stride};
  }
  /// Columns [begin, begin + count).
  Tensor col_range(int64_t begin, int64_t count) const {
    return {static_cast<char*>(data) + begin * static_cast<int64_t>(dtype_size(dtype)), dtype, rows, count,
            stride};
  }
  /// The same elements as rows × cols; the view must be contiguous.
  Tensor reshaped(int64_t new_rows, int64_t new_cols) const {
    return {data, dtype, new_rows, new_cols, new_cols};
  }

  /// "f32 [257, 1024]", for messages.
  std::string describe() const;
};

}  // namespace honeybee
