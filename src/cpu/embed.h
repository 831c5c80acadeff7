#pragma once
#include <cstdint>

#include "core/row_source.h"
#include "core/weight.h"
#include "cpu/cpu.h"
#include "cpu/memory.h"

namespace honeybee::cpu {

/// A table [rows, cols] kept as rows, for embed.
class RowTable final : public Weight {
 public:
  RowTable(Cpu& cpu, const RowSource& source, Dtype dtype);

  size_t bytes() const override { return memory_.bytes(); }
  const void* row(int64_t index) const {
    return static_cast<const char*>(memory_.data()) + index * row_bytes();
  }

 private:
  int64_t row_bytes() const { return in() * static_cast<int64_t>(dtype_size(dtype())); }

  HostMemory memory_;
};

}  // namespace honeybee::cpu
