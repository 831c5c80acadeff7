#pragma once
#include <cstdint>

#include "cpu/integer_kernels.h"
#include "cpu/linear_kernels.h"

/// The products of AMX where there is no AMX: the bodies of the kernels over tile registers that are plain
/// arrays (emulated_tiles.h), compiled for two instruction sets in emulated_<isa>.cpp as src/cpu's are.
namespace honeybee::testing {

/// The tile registers; one set, so that tests with them have one thread.
struct TileState {
  unsigned char bytes[8][16][64];
  int rows[8];       ///< of each, 0 where nothing is configured
  int row_bytes[8];  ///< likewise
  int64_t products;
  const char* misuse = "";  ///< the first thing that AMX would refuse
};

inline TileState tile_state = {};

struct EmulatedKernels {
  cpu::Isa isa;  ///< of what is not tiles
  cpu::LinearKernels::Kernel bf16;
  cpu::IntegerKernels::Kernel int8;
  cpu::IntegerKernels::Kernel int4;
};

extern const EmulatedKernels emulated_portable;
extern const EmulatedKernels emulated_avx512bf16;

}  // namespace honeybee::testing
