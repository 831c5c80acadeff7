#define HB_ISA portable
#include "cpu/kernel_families.h"
