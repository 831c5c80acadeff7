#pragma once
#include <cstdint>

#include "core/quantize.h"
#include "cpu/cpu.h"
#include "cpu/integer_kernels.h"
#include "cpu/matrix.h"
#include "cpu/memory.h"

namespace honeybee::cpu {

/// A weight [out, in] of int8 or int4 in strips of 16 outputs (integer_kernels.h), padded with codes that
/// meet activations of 0 and outputs that nobody stores.
class IntegerMatrix final : public Matrix {
 public:
  /// Reads and packs strip by strip on all threads; beside the strips only one slice of 64 rows a thread
  /// exists.
  IntegerMatrix(Cpu& cpu, const RowSource& source, Dtype dtype);

  size_t bytes() const override { return memory_.bytes(); }
  int64_t strips() const { return (out() + kStrip - 1) / kStrip; }
  /// `in` in whole units.
  int64_t depth() const { return depth_; }
  /// Columns of one scale: `depth` of int8.
  int64_t group() const { return layout_.group; }
  /// Place i of the strips is column order()[i] of the weight; empty: i.
  const std::vector<int32_t>& order() const { return layout_.order; }
  const uint8_t* strip(int64_t index) const {
    return static_cast<const uint8_t*>(memory_.data()) + static_cast<size_t>(index) * strip_bytes_;
  }

  /// From one strip to the next.
  int64_t strip_bytes() const { return static_cast<int64_t>(strip_bytes_); }

  void read_row(int64_t index, float* target) const override;

 private:
  struct Slice;

  void pack_strip(int64_t index, const Slice& slice, int64_t slice_row, int64_t rows);
  size_t code_bytes(int64_t columns) const;
  size_t tail_bytes() const;

  CodeLayout layout_;
  int64_t depth_;
  size_t strip_bytes_;
  HostMemory memory_;
};

}  // namespace honeybee::cpu
