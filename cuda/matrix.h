#pragma once
#include "core/row_source.h"
#include "core/weight.h"
#include "cuda/cuda.h"

namespace honeybee::cuda {

/// `cols` in rows of whole words of 16 bytes: the stride of matrices whose rows begin aligned.
constexpr int64_t padded_cols(int64_t cols, Dtype dtype) {
  const int64_t unit = 16 / static_cast<int64_t>(dtype_size(dtype));
  return (cols + unit - 1) / unit * unit;
}

/// A weight [out, in] as it is stored: rows one after another, the one layout of all products and of embed.
/// A row takes whole words of 16 bytes and ends in zeros.
class RowMatrix final : public Weight {
 public:
  /// Reads a slice of rows while the one before it travels to the device; beside the matrix only one slice of
  /// another dtype or row length is held there. Throws Error(kOutOfMemory), and what the source throws.
  RowMatrix(Cuda& cuda, const RowSource& source, Dtype dtype);

  size_t bytes() const override { return memory_.bytes(); }
  const void* data() const { return memory_.data(); }
  /// Elements from one row to the next: `in` with its padding.
  int64_t stride() const { return stride_; }

 private:
  void load(Cuda& cuda, const RowSource& source);

  int64_t stride_;
  DeviceMemory memory_;
};

/// The weight as this backend made it. Throws Error(kOption), naming `op`, if another one did.
const RowMatrix& row_matrix(const char* op, const Weight& weight);

}  // namespace honeybee::cuda
