#define HB_ISA avx512
#include "cpu/kernel_families.h"
