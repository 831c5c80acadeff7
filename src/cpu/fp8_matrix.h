#pragma once
#include <cstdint>

#include "core/row_source.h"
#include "cpu/cpu.h"
#include "cpu/linear_kernels.h"
#include "cpu/matrix.h"
#include "cpu/memory.h"

namespace honeybee::cpu {

/// A weight [out, in] of fp8-e4m3 with one scale an output, in panels [depth][64] bytes and 64 scales.
class Fp8Matrix final : public Matrix {
 public:
  /// Reads and packs panel by panel on all threads. Throws Error(kCheckpoint) for a code that is NaN.
  Fp8Matrix(Cpu& cpu, const RowSource& source);

  size_t bytes() const override { return memory_.bytes(); }
  int64_t panels() const { return (out() + kPanel - 1) / kPanel; }
  /// `in`, padded with zeros to whole tiles of AMX.
  int64_t depth() const { return depth_; }
  const uint8_t* panel(int64_t index) const {
    return static_cast<const uint8_t*>(memory_.data()) + static_cast<size_t>(index) * panel_bytes();
  }
  /// Of the panel's outputs, times 2^8: what the sums of LinearKernels::fp8 lack.
  const float* scales(int64_t index) const {
    return reinterpret_cast<const float*>(panel(index) + depth_ * kPanel);
  }

  void read_row(int64_t index, float* target) const override;

 private:
  size_t panel_bytes() const { return static_cast<size_t>(depth_) * kPanel + kPanel * sizeof(float); }

  int64_t depth_;
  HostMemory memory_;
};

}  // namespace honeybee::cpu
