#define HB_ISA avx2
#include "cpu/kernel_families.h"
