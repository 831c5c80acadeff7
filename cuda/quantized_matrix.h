#pragma once
#include <memory>

#include "core/row_source.h"
#include "core/weight.h"
#include "cuda/cuda.h"
#include "cuda/quantized_layout.h"

namespace honeybee::cuda {

/// A QuantizedMatrix as kernels take it.
struct QuantizedRows {
  const uint4* codes;      ///< [out, words], in the order of quantized_layout.h
  int words;               ///< of 16 bytes in a row
  const float* scales;     ///< [out] of int8 and fp8
  const uint32_t* groups;  ///< [out, group_count] group_words of int4
  int group_count;
  int group_shift;  ///< a group is 2^group_shift units
};

/// A weight [out, in] of int8, int4 or fp8-e4m3 in device memory: 1 byte a weight and 4 a row, or 1/2 a
/// weight and 4 a group.
class QuantizedMatrix final : public Weight {
 public:
  /// Reads and packs slices of rows on the way. Groups of a multiple of 32 columns; such as are no power of
  /// two are kept as several. Throws Error(kOption) for other groups, Error(kCheckpoint) for a code that is
  /// NaN, and what the source throws.
  QuantizedMatrix(Cuda& cuda, const RowSource& source, Dtype format);

  size_t bytes() const override;
  /// `in` in whole lines: columns of x, zeros beyond `in`.
  int64_t depth() const { return depth_; }
  QuantizedRows rows() const;
  /// Place i of a row is column order()[i], i32 [in]; null: i.
  const int32_t* order() const;

 private:
  void load(Cuda& cuda, const RowSource& source, int64_t source_group);
  void send(Cuda& cuda, const DeviceMemory& target, int64_t begin, int64_t row_bytes, const void* rows,
            int64_t count) const;

  int64_t depth_;
  int64_t group_;  // columns of int4 that share a word: a power of two
  int64_t group_count_;
  std::unique_ptr<DeviceMemory> codes_;
  std::unique_ptr<DeviceMemory> scales_;  // or group words
  std::unique_ptr<DeviceMemory> order_;   // null: as they are
};

}  // namespace honeybee::cuda
