#pragma once
#include <cstdint>

#include "core/row_source.h"
#include "cpu/cpu.h"
#include "cpu/linear_kernels.h"
#include "cpu/matrix.h"
#include "cpu/memory.h"

namespace honeybee::cpu {

/// A weight [out, in] in panels of 64 outputs, the one layout of all products: [out/64][in][64] for f32 and
/// f16, [out/64][in/2][64][2] for bf16, whose neighbours in k are multiplied together. Both sides are padded
/// with zeros, `in` to 32, the depth of an AMX tile.
class PackedMatrix final : public Matrix {
 public:
  /// Reads and packs panel by panel on all threads; beside the panels only one slice of 64 rows per thread
  /// exists.
  PackedMatrix(Cpu& cpu, const RowSource& source, Dtype dtype);

  size_t bytes() const override { return memory_.bytes(); }
  int64_t panels() const { return (out() + kPanel - 1) / kPanel; }
  /// `in` with its padding.
  int64_t depth() const { return depth_; }
  const void* panel(int64_t index) const;

  void read_row(int64_t index, float* target) const override;

 private:
  size_t panel_bytes() const { return static_cast<size_t>(depth_) * kPanel * dtype_size(dtype()); }
  void pack_panel(Isa isa, int64_t index, const RowSource& source, char* slice);

  int64_t depth_;
  HostMemory memory_;
};

}  // namespace honeybee::cpu
