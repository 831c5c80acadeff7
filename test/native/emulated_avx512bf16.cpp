#include "emulated_kernels.h"  // before HB_ISA: the tables of kernels are declared here, not defined
#define HB_ISA emulated_avx512bf16
#include "emulated_tiles.h"
