#define HB_ISA avx512bf16
#include "cpu/kernel_families.h"
