#pragma once
#include <cstdint>

#include "core/tensor.h"
#include "cpu/cpu.h"

namespace honeybee::cpu {

/// Activations rounded to bf16 once for all panels, in scratch slot 0.
struct RoundedRows {
  const uint16_t* data = nullptr;
  int64_t stride = 0;  ///< elements from row to row; in tiles, elements a row takes
  int64_t k = 0;       ///< columns with their padding of zeros
};

/// As rows, for LinearKernels::bf16_rounded. x f32.
RoundedRows round_rows(Cpu& cpu, const Tensor& x);

/// As tiles [rows/32][2][depth/32][16][32] with zero rows at the end, for LinearKernels::bf16_rounded where
/// it is `tiled`. x f32; depth is x.cols rounded up to a multiple of 32.
RoundedRows round_tiles(Cpu& cpu, const Tensor& x, int64_t depth);

}  // namespace honeybee::cpu
